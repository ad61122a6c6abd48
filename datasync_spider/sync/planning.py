"""From what was named to plans: settings, spider arguments, files of sources and their secrets.

Invariant: a plan that comes out can be carried out as far as can be known without a request; whatever is wrong with
what was named is reported before anything is started for it.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from datasync_spider.config import Config
from datasync_spider.config.kinds import slice_name
from datasync_spider.config.model import project_directory
from datasync_spider.config.secrets import read_secrets
from datasync_spider.config.sourcefiles import SourceFiles, read_source_files
from datasync_spider.config.sources import Sources, read_dotenv
from datasync_spider.errors import ConfigurationError, WronglyCalled
from datasync_spider.logs.install import also_redact
from datasync_spider.records.timestamp import parse_timestamp
from datasync_spider.sources.files.load import BUILT_IN
from datasync_spider.sources.inpython import checked
from datasync_spider.sources.secretnames import secret_places, secrets_of
from datasync_spider.sources.slicenames import canonical
from datasync_spider.sources.slicevalues import checked_values
from datasync_spider.sources.slots import slot_values
from datasync_spider.sources.spec import SliceValues, Source, Stream
from datasync_spider.sources.streamnames import NO_SLICE
from datasync_spider.sync.plan import SyncPlan, name_of, plan_built_in, plan_sync
from datasync_spider.sync.slicing.find import find_slices, with_slices

if TYPE_CHECKING:
    from scrapy.settings import BaseSettings

logger = logging.getLogger(__name__)

_LONGEST_SLICE_BYTES = 1_000
MeantSlices: TypeAlias = Callable[[Sequence[str]], Collection[str]]
"""Those of the slices of a stream, by their names, that are meant."""

_ARGUMENTS = ("slice", "since", "until")
_LISTED = 10


def source_files(settings: BaseSettings) -> SourceFiles:
    """What SOURCES_DIR holds. Raises ConfigurationError where it cannot be listed."""
    config = Config.from_settings(settings)
    return read_source_files(config.sources_dir, is_given=config.is_sources_dir_given)


def built_in_plans(settings: BaseSettings, arguments: Mapping[str, str]) -> list[SyncPlan]:
    """The one slice of the API that comes with the project which settings and arguments name."""
    _check_names(arguments)
    config = Config.from_settings(settings)
    if given := _given_slice(arguments):
        config = replace(config, slice=given)
    if "." in config.stream and _find_source(settings, config.stream) is not None:
        raise ConfigurationError(
            f"STREAM is {config.stream}, which is a stream of another source than that of scrapy crawl events: say"
            f" scrapy crawl {config.stream}, or leave STREAM out"
        )
    return [_narrowed(plan_built_in(config), arguments)]


def source_plans(
    settings: BaseSettings,
    source: Source,
    stream: str,
    arguments: Mapping[str, str],
    *,
    with_secrets: bool = True,
    finds_slices: bool = True,
    meant: MeantSlices | None = None,
) -> list[SyncPlan]:
    """The slices of the stream that settings and arguments name; all where they name none.

    ``source`` may have been made in Python. ``with_secrets`` False: for those who send no request. ``meant``: which of
    those are planned at all, since each costs a moment, and there may be thousands. ``finds_slices``: whether slices
    that do not stand in the source are looked for, with a database that is up to date; else the one that is named is
    taken for one. Raises ConfigurationError. None of them where the slices are another stream's records, of which there
    is none.
    """
    _check_names(arguments)
    source = checked(source, f"source {source.name}")
    config = Config.from_settings(settings)
    wanted, name = _given_slice(arguments) or config.slice, f"{source.name}.{stream}"
    if source.streams[stream].slices_from is not None:
        if finds_slices and (wanted == NO_SLICE or config.database_url is not None):
            source = find_slices(source, stream, project_directory(), config.database_url)
        else:
            source = with_slices(source, stream, [_named_values(name, wanted)])
        if not source.streams[stream].slices:
            return []
    slices = _chosen(name, source.streams[stream], wanted)
    if meant is not None:
        names = meant([name_of(values) for values in slices])
        slices = [values for values in slices if name_of(values) in names]
    secrets = _secrets(settings, source, stream, slices) if with_secrets else None
    plans: list[SyncPlan] = []
    for values in slices:
        plans.append(plan_sync(config, source, stream, values, secrets, plans[0] if plans else None))
    plans = [replace(_narrowed(plan, arguments), tokens=plans[0].tokens) for plan in plans]
    parameters = {name for plan in plans for name in plan.authorization.parameters}
    also_redact({secret for plan in plans for secret in plan.secrets}, parameters=parameters)
    return plans


def named_plan(settings: BaseSettings, *, with_secrets: bool = True) -> SyncPlan:
    """The slice that STREAM and SLICE name, be it of a source's file, of a spider in Python, or of the built-in API.

    Raises ConfigurationError where the stream has slices and SLICE names none.
    """
    config = Config.from_settings(settings)
    found = _find_source(settings, config.stream) if "." in config.stream else None
    if found is None:
        return plan_built_in(config)
    plans = source_plans(settings, *found, {}, with_secrets=with_secrets, finds_slices=False)
    if len(plans) > 1:
        names = _listed(plan.spec.slice for plan in plans)
        raise ConfigurationError(f"the stream {config.stream} has {len(plans)} slices: name one in SLICE: {names}")
    return plans[0]


def described_stream(settings: BaseSettings, source: str, name: str) -> Stream | None:
    """What the source says of its stream of this name; None where no source says anything of it (any more).

    Raises ConfigurationError where the source's file is wrong.
    """
    if source == BUILT_IN:
        return plan_built_in(Config.from_settings(settings)).stream
    files = source_files(settings)
    if source in files.sources:
        return files.sources[source].streams.get(name.removeprefix(f"{source}."))
    if (refusal := files.refusal_of(source)) is not None:
        raise refusal
    made, stream = _python_sources(settings).get(name, (None, ""))
    return None if made is None else checked(made, f"source {source}").streams[stream]


def _find_source(settings: BaseSettings, name: str) -> tuple[Source, str] | None:
    """The source with the stream of this name. None where no source is meant.

    A stream of the built-in API may have a name with a dot in it, too. Raises ConfigurationError where the source that
    is named has no such stream.
    """
    files = source_files(settings)
    source_name, _, stream = name.partition(".")
    source = files.sources.get(source_name)
    if source is not None and stream in source.streams:
        return source, stream
    if (refusal := files.refusal_of(source_name)) is not None:
        raise refusal
    in_python = _python_sources(settings)
    if name in in_python:
        return in_python[name]
    there_are = sorted([*files.stream_names, *in_python])
    if not any(known.startswith(f"{source_name}.") for known in there_are):
        return None
    raise ConfigurationError(f"there is no stream {name}, which STREAM names; sources have {_listed(there_are)}")


def _python_sources(settings: BaseSettings) -> dict[str, tuple[Source, str]]:
    """Those of spiders that have one as a value, by the names of their streams."""
    from scrapy.spiderloader import SpiderLoader  # noqa: PLC0415 - it imports all spiders

    loader = SpiderLoader.from_settings(settings)
    found: dict[str, tuple[Source, str]] = {}
    for spider in map(loader.load, loader.list()):
        source, stream = getattr(spider, "source", None), getattr(spider, "stream", "")
        if isinstance(source, Source):
            found[f"{source.name}.{stream}"] = source, stream
    return found


def _check_names(arguments: Mapping[str, str]) -> None:
    unknown = sorted(arguments.keys() - set(_ARGUMENTS))
    if unknown:
        raise WronglyCalled(
            f"unknown spider argument -a {', '.join(unknown)}: there are slice, since and until; settings are given"
            " with -s"
        )


def _given_slice(arguments: Mapping[str, str]) -> str | None:
    if "slice" not in arguments:
        return None
    kind = slice_name(_LONGEST_SLICE_BYTES)
    try:
        return str(kind.read(arguments["slice"]))
    except ValueError as error:
        raise WronglyCalled(f"-a slice={arguments['slice']}: {error}; allowed: {kind.allowed}") from None


def _named_values(name: str, wanted: str) -> SliceValues:
    """Of a slice that may be known to the database alone: who crawls it has looked whether there is one."""
    if wanted == NO_SLICE:
        raise ConfigurationError(
            f"the slices of the stream {name} do not stand in its source's file: name one in SLICE; scrapy streams list"
            f" --stream {name} lists those that were crawled"
        )
    try:
        return checked_values(json.loads(wanted))
    except ValueError as error:
        raise ConfigurationError(f"the stream {name} can have no slice {wanted}: {error}") from None


def _chosen(name: str, stream: Stream, wanted: str) -> Sequence[SliceValues]:
    """The slices that are meant: all of the stream's, or the one of this name."""
    if wanted == NO_SLICE:
        return stream.slices or ({},)
    by_name = {canonical(values): values for values in stream.slices}
    if wanted in by_name:
        return (by_name[wanted],)
    if not by_name:
        raise ConfigurationError(f"the stream {name} has no slices, and {wanted} is named: leave it out")
    raise ConfigurationError(f"the stream {name} has no slice {wanted}; it has {_listed(by_name)}")


def _secrets(settings: BaseSettings, source: Source, stream: str, slices: Iterable[SliceValues]) -> Mapping[str, str]:
    """All that the slices need; from now on no log line shows one, or what goes by its name."""
    project = project_directory()
    sources = Sources(settings, os.environ, read_dotenv(project / ".env"))
    wanted = [one for values in slices for one in secrets_of(source, source.streams[stream], slot_values(values))]
    secrets = read_secrets(wanted, sources, project)
    places = secret_places(source)
    also_redact(secrets.values.values(), places.headers, places.parameters)
    for warning in secrets.warnings:
        logger.warning("%s", warning)
    return secrets.values


def _narrowed(plan: SyncPlan, arguments: Mapping[str, str]) -> SyncPlan:
    """The plan for the window of time that the arguments name."""
    bounds = {name: _instant_ms(name, arguments[name]) for name in ("since", "until") if name in arguments}
    for name in bounds:
        if not plan.takes(name):
            raise WronglyCalled(
                f"-a {name}: the stream {plan.spec.name} cannot be asked for a time: its query has no {{{name}}}"
            )
    since_ms, until_ms = bounds.get("since"), bounds.get("until")
    if since_ms is not None and until_ms is not None and since_ms >= until_ms:
        raise WronglyCalled(f"-a since={arguments['since']} is not before -a until={arguments['until']}")
    return replace(plan, since_ms=since_ms, until_ms=until_ms)


def _instant_ms(name: str, text: str) -> int:
    time_us = parse_timestamp(text)
    if time_us is None:
        raise WronglyCalled(
            f"-a {name}={text}: no time; allowed: a date or time in ISO 8601, UTC where it says no other zone, or"
            " seconds, milliseconds or microseconds since 1970"
        )
    return time_us // 1000


def _listed(names: Iterable[str]) -> str:
    all_names = list(names)
    more = f" and {len(all_names) - _LISTED:,} more" if len(all_names) > _LISTED else ""
    return ", ".join(all_names[:_LISTED]) + more
