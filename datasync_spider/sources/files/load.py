"""A TOML file becomes a source, or all of its mistakes at once.

Invariant: what is given is whole: each key of the file was understood, and its parts go together. Nothing that this
version does not do is left out in silence. Pure: the caller has read the file.
"""

from __future__ import annotations

import tomllib
from typing import Any

from datasync_spider.errors import SourceRefused
from datasync_spider.sources.addresses import check_origin, shown_url
from datasync_spider.sources.files import keys
from datasync_spider.sources.files.authtables import read_auth, read_headers
from datasync_spider.sources.files.kinds import (
    PLAIN,
    PLAIN_ALLOWED,
    base_url,
    plain_name,
    text_of,
    unlike,
)
from datasync_spider.sources.files.meaningtables import read_meanings
from datasync_spider.sources.files.pacetables import read_budget, read_every, read_retries, read_timeout
from datasync_spider.sources.files.rules import findings_in
from datasync_spider.sources.files.sourcerules import SOURCE_TABLE, source_findings
from datasync_spider.sources.files.streamtables import read_stream
from datasync_spider.sources.files.tables import Kind, Mistakes, Table, key_text, shown
from datasync_spider.sources.spec import Source, Stream

BUILT_IN = "datasync"
"""The name of the source that comes with this program."""

# In place of an address that is wrong.
_NOWHERE = "https://nowhere.invalid"


def read_source(text: str, file: str, *, is_built_in: bool = False) -> Source:
    """The source that the text describes; ``file`` is how its mistakes name it.

    ``is_built_in``: it is the one that comes with this program, whose name no other file may have. Raises
    SourceRefused.
    """
    return read_tables(_parsed(text, file), file, is_built_in=is_built_in)


def read_tables(values: dict[str, Any], file: str, *, is_built_in: bool = False) -> Source:
    """The same of what TOML has been read as."""
    mistakes = Mistakes(file)
    source = _read_file(values, mistakes, is_built_in)
    if mistakes.texts:
        raise SourceRefused(file, mistakes.texts)
    return source


def _parsed(text: str, file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise SourceRefused(file, [f"{file}: it is no TOML that can be read: tables or lists too deep"]) from None
    except ValueError as error:
        # Its message holds no value, and ends with line and column, but for one place.
        why = str(error).replace("at end of document", f"at line {text.count(chr(10)) + 1}, the end of the file")
        raise SourceRefused(file, [f"{file}: it is no TOML: {why}"]) from None


def _read_file(values: dict[str, Any], mistakes: Mistakes, is_built_in: bool) -> Source:
    Table(values, "", keys.FILE, mistakes)
    streams, tables = _read_streams(values.get("streams"), mistakes)
    source = _read_source(values.get("source"), streams, mistakes, is_built_in)
    for name, stream in streams.items():
        wrong = mistakes.keys_of(tables[name])
        for key, text, also in findings_in(stream):
            if wrong.isdisjoint(also):
                mistakes.add(tables[name], key, text)
    wrong_keys = {table: mistakes.keys_of(table) for table in (SOURCE_TABLE, *tables.values())}
    for found in source_findings(source, tables):
        if not any(key in wrong_keys[table] for table, key in found.also):
            mistakes.add(found.table, found.key, found.text)
    return source


def _read_streams(given: Any, mistakes: Mistakes) -> tuple[dict[str, Stream], dict[str, str]]:
    """The streams by their names, and how the file writes the table of each."""
    if not isinstance(given, dict) or not given:
        why = "is missing" if given in (None, {}) else "is no table"
        mistakes.add("[streams]", "", f"{why}; allowed: a table [streams.NAME] for each stream, at least one")
        return {}, {}
    streams: dict[str, Stream] = {}
    tables: dict[str, str] = {}
    for name, values in given.items():
        table = f"[streams.{key_text(name)}]"
        if not PLAIN.fullmatch(name):
            mistakes.add(table, "", f"is no name of a stream; allowed: {PLAIN_ALLOWED}")
        if not isinstance(values, dict):
            mistakes.add(table, "", f"is {shown(values)}: it is no table; allowed: the table of a stream")
            continue
        streams[name] = read_stream(name, Table(values, table, keys.STREAM, mistakes))
        tables[name] = table
    return streams, tables


def _read_source(given: Any, streams: dict[str, Stream], mistakes: Mistakes, is_built_in: bool) -> Source:
    if not isinstance(given, dict):
        why = "is missing" if given is None else "is no table"
        mistakes.add(SOURCE_TABLE, "", f"{why}; allowed: a table with name and base_url")
        return Source(name="", base_url=_NOWHERE, streams=streams)
    table = Table(given, SOURCE_TABLE, keys.SOURCE, mistakes)
    taken = {} if is_built_in else {BUILT_IN: "it is the name of the source that comes with this program"}
    address = table.need("base_url", base_url(), _NOWHERE)
    return Source(
        name=table.need("name", plain_name(taken), ""),
        base_url=address,
        streams=streams,
        headers=read_headers(table),
        auth=read_auth(table),
        allow_hosts=table.take("allow_hosts", _hosts(address.partition(":")[0]), ()),
        meanings=read_meanings(table),
        budget=read_budget(table),
        timeout_seconds=read_timeout(table),
        retries=read_retries(table),
        every_seconds=read_every(table),
    )


def _hosts(scheme: str) -> Kind[tuple[str, ...]]:
    def read(value: Any) -> tuple[str, ...]:
        if not isinstance(value, list):
            raise ValueError("it is no list")
        origins = [check_origin(text_of(host), scheme) for host in value]
        if scheme == "https" and any(origin.startswith("http:") for origin in origins):
            raise ValueError("a credential that travels by https is sent by no http")
        return unlike(origins)

    def show(value: Any) -> str:
        return shown([shown_url(host) for host in value if isinstance(host, str)] if isinstance(value, list) else value)

    return Kind(read, 'a list of hosts and origins such as ["files.example.com", "https://example.org:8443"]', show)
