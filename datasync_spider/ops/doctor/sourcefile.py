"""What can be said of a source's file before anything is asked: whether it is read, and whether plans can be made.

Invariant: nothing is sent. What is wrong is a finding, and whatever else can be looked at is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from datasync_spider.errors import ConfigurationError, SourceRefused
from datasync_spider.ops.doctor.finding import Finding, fine, problem, warning
from datasync_spider.sources.spec import Source
from datasync_spider.sync.plan import SyncPlan
from datasync_spider.sync.planning import source_files, source_plans

if TYPE_CHECKING:
    from scrapy.settings import BaseSettings

PART = "source"
_PUT_SECRETS = "put each secret into the environment, .env or the file that NAME_FILE names"
_CORRECT = "correct the file where it says so; docs/sources/add-a-source.md has every key"


def check_file(settings: BaseSettings, name: str) -> tuple[list[Finding], list[SyncPlan]]:
    """``name``: of a source or of one stream. The plans are those of each stream's slices that can be asked for."""
    source_name, _, stream = name.partition(".")
    try:
        files = source_files(settings)
    except ConfigurationError as error:
        return [problem(PART, str(error), "correct SOURCES_DIR")], []
    source = files.sources.get(source_name)
    if source is None:
        return _no_source(source_name, files.refusal_of(source_name), list(files.sources)), []
    streams = [stream] if stream else list(source.streams)
    if stream and stream not in source.streams:
        there_are = ", ".join(source.streams)
        remedy = f"name one of its streams: {there_are}"
        return [problem(PART, f"{source_name} has no stream {stream}", remedy)], []
    findings = [fine(PART, f"the file of {source_name} is read: {_streams(source, streams)}")]
    plans: list[SyncPlan] = []
    for one in streams:
        found, made = _check_stream(settings, source, one)
        findings += found
        plans += made
    return findings, plans


def _no_source(name: str, refusal: SourceRefused | None, known: Sequence[str]) -> list[Finding]:
    if refusal is not None:
        return [problem(PART, mistake, _CORRECT) for mistake in refusal.mistakes]
    there_are = ", ".join(sorted(known)) or "none"
    return [problem(PART, f"there is no source {name} in SOURCES_DIR", f"name one that is there: {there_are}")]


def _streams(source: Source, streams: Sequence[str]) -> str:
    count = "1 stream" if len(streams) == 1 else f"{len(streams)} streams"
    return f"{count} at {source.base_url}: {', '.join(streams)}"


def _check_stream(settings: BaseSettings, source: Source, name: str) -> tuple[list[Finding], list[SyncPlan]]:
    part = f"{source.name}.{name}"
    stream = source.streams[name]
    if stream.slices_from is not None:
        return [fine(part, "its slices are found when it is crawled, and were not looked for")], []
    try:
        plans = source_plans(settings, source, name, {})
    except ConfigurationError as error:
        why = " ".join(str(error).split())
        return [problem(part, why, _PUT_SECRETS if "missing or wrong" in why else _CORRECT)], []
    reported = "1 slice" if len(plans) == 1 else f"{len(plans)} slices"
    findings = [fine(part, f"it can be asked for: {reported}, all secrets are there")]
    if not stream.time:
        text = "no time is named: nothing can be asked for by time, and rows have none"
        findings.append(warning(part, text, "name a time if the records have one"))
    if stream.order == "none" and stream.incremental.type == "none":
        text = "no order is promised and no incremental is named: each sync is a full one"
        findings.append(fine(part, text))
    return findings, plans
