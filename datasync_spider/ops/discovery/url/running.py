"""``scrapy discover URL``: from the command line to a file, with everything between them.

Invariant: what is written is a file that this program reads; one that is there is not replaced unless that is asked
for.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from datasync_spider.config import Config
from datasync_spider.config.model import project_directory
from datasync_spider.config.secrets import read_secrets
from datasync_spider.config.sources import Sources, read_dotenv
from datasync_spider.errors import ConfigurationError, SourceRefused
from datasync_spider.logs.install import also_redact
from datasync_spider.ops.discovery.url.findings import Findings
from datasync_spider.ops.discovery.url.investigating import investigate
from datasync_spider.ops.discovery.url.naming import source_name, stream_name
from datasync_spider.ops.discovery.url.sending import Sender, carry_out, make_sender, wanted_secrets, with_basic
from datasync_spider.ops.discovery.url.sourcetext import source_text
from datasync_spider.ops.discovery.url.target import Target
from datasync_spider.sources.files.kinds import PLAIN, PLAIN_ALLOWED
from datasync_spider.sources.files.load import BUILT_IN, read_source
from datasync_spider.sources.files.schema import SCHEMA_FILE, schema_text
from datasync_spider.transport.apiclient import ApiClient

if TYPE_CHECKING:
    from scrapy.settings import BaseSettings


class Wanted(Struct, frozen=True):
    """``file``: where the text goes, None for standard output. ``name``: the source's, where it is given."""

    file: Path | None = None
    name: str | None = None
    is_forced: bool = False


class Made(Struct, frozen=True):
    """``text`` is the file's. ``refusal``: why this version does not read it, in which case nothing was written."""

    text: str
    name: str
    stream: str
    refusal: SourceRefused | None = None


def discover_url(
    settings: BaseSettings, config: Config, target: Target, wanted: Wanted, say: Callable[[str], None]
) -> Made:
    """``say`` gets the lines of the report. Raises ConfigurationError, NothingFound or ConnectionTrouble."""
    name = _name(target, wanted)
    if wanted.file is not None and wanted.file.exists() and not wanted.is_forced:
        raise ConfigurationError(f"{wanted.file} is there already: name another file, or say --force to replace it")
    sender, target = _sender(settings, config, target, say)
    found = carry_out(investigate(target), sender)
    stream = stream_name(target.url, found.layout.path)
    text = source_text(found, name, stream)
    for line in _report(found, sender):
        say(line)
    try:
        read_source(text, str(wanted.file or f"{name}.toml"))
    except SourceRefused as refusal:
        return Made(text, name, stream, refusal)
    if wanted.file is not None:
        _write(wanted.file, text, is_forced=wanted.is_forced)
    return Made(text, name, stream)


def _name(target: Target, wanted: Wanted) -> str:
    given = wanted.name
    if given is None and wanted.file is not None and wanted.file.suffix == ".toml":
        given = wanted.file.stem
    name = given or source_name(target.url)
    if not PLAIN.fullmatch(name) or name == BUILT_IN:
        raise ConfigurationError(
            f"{name!r} is no name of a source: say --name; allowed: {PLAIN_ALLOWED}, not {BUILT_IN}"
        )
    if wanted.file is not None and wanted.file.suffix != ".toml":
        raise ConfigurationError(f"--write {wanted.file}: a source's file ends in .toml")
    return name


def _sender(
    settings: BaseSettings, config: Config, target: Target, say: Callable[[str], None]
) -> tuple[Sender, Target]:
    project = project_directory()
    sources = Sources(settings, os.environ, read_dotenv(project / ".env"))
    secrets = read_secrets(wanted_secrets(target.auth), sources, project)
    also_redact(secrets.values.values())
    target = with_basic(target, secrets.values)

    def client_of(url: str, headers: tuple[tuple[str, str], ...]) -> ApiClient:
        return ApiClient(url, headers, config.user_agent, config.timeout_seconds, config.max_body_bytes)

    return make_sender(target, secrets.values, client_of, say), target


def _write(file: Path, text: str, *, is_forced: bool) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w" if is_forced else "x", encoding="utf-8") as opened:
            opened.write(text)
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written: {error.strerror or error}") from None
    # Only editors want it.
    with contextlib.suppress(OSError), (file.parent / SCHEMA_FILE).open("x", encoding="utf-8") as opened:
        opened.write(schema_text())


def _report(found: Findings, sender: Sender) -> Sequence[str]:
    way = found.next
    to = f" to {way.to}" if way.to else ""
    lines = [
        f"records: {found.records} seen, at {found.layout.path} ({found.layout.shape})",
        f"id: {' and '.join(map(str, found.identity.paths)) or 'a digest of the record'}",
        f"time: {found.times[0].path if found.times else 'none'}; order: {found.order}",
        f"next: {way.source}{to}, {'tried' if found.is_tried else 'NOT PROVEN'}",
        f"end: {', '.join(found.end)}; total: {found.total or 'not reported'}",
    ]
    if sender.stopped is not None:
        lines.append(f"stopped early: {sender.redactor.redact(sender.stopped)}")
    return lines
