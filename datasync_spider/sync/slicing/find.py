"""The slices of a stream, wherever they come from, held to what a file's own are held to.

Invariant: a stream with these slices is one that a file could describe: its texts have a place for each value, and each
value fits into its place.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from msgspec.structs import replace

from datasync_spider.errors import ConfigurationError
from datasync_spider.sources.files.rules import findings_in
from datasync_spider.sources.files.sourcerules import source_findings
from datasync_spider.sources.spec import SlicesFromCommand, SlicesFromStream, SliceValues, Source
from datasync_spider.sync.slicing.parent import slices_of_parent
from datasync_spider.sync.slicing.printed import slices_of_command

_LISTED = 10


def find_slices(source: Source, stream: str, folder: Path, database_url: str | None) -> Source:
    """The source with the slices that the stream has now. Raises ConfigurationError.

    ``folder``: the project's. ``database_url``: of a database that is up to date, where there is one.
    """
    name, origin = f"{source.name}.{stream}", source.streams[stream].slices_from
    match origin:
        case SlicesFromCommand(command=command):
            return with_slices(source, stream, slices_of_command(command, folder, name))
        case SlicesFromStream():
            if database_url is None:
                raise ConfigurationError(
                    f"the slices of {name} are made of stored records, and DATABASE_URL names no database to look into:"
                    " name a slice with slice=…"
                )
            return with_slices(source, stream, slices_of_parent(origin, source.name, name, database_url))
    return source


def with_slices(source: Source, stream: str, slices: Iterable[SliceValues]) -> Source:
    """The source with these slices of the stream. Raises ConfigurationError where its texts and they do not fit."""
    made = replace(source.streams[stream], slices=tuple(slices), slices_from=None)
    whole = replace(source, streams={**source.streams, stream: made})
    if not made.slices:
        return whole
    table = f"[streams.{stream}]"
    mistakes = [f"{table} {found.key} {found.text}" for found in findings_in(made)]
    alone = replace(source, streams={stream: made})
    mistakes += [f"{found.table} {found.key} {found.text}" for found in source_findings(alone, {stream: table})]
    if mistakes:
        more = f"\n  and {len(mistakes) - _LISTED:,} more" if len(mistakes) > _LISTED else ""
        raise ConfigurationError(
            f"the slices that {source.name}.{stream} has now do not go with its source:\n  "
            + "\n  ".join(mistakes[:_LISTED])
            + more
        )
    return whole
