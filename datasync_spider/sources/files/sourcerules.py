"""What must hold between a source and its streams: names of slots, what slices make of texts, where URLs lead.

Invariant: nothing here looks at one key alone, nor shows a value that may be a secret.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import NamedTuple, TypeAlias

from datasync_spider.sources.addresses import check_base_url, is_absolute, url_parts
from datasync_spider.sources.files.rules import slice_slots
from datasync_spider.sources.files.tables import key_text, shown
from datasync_spider.sources.secretnames import auth_texts, put_header, put_secrets
from datasync_spider.sources.slicevalues import slice_names
from datasync_spider.sources.slots import SLICE, NoValue, fill_url, slot_values, slots
from datasync_spider.sources.spec import (
    BasicAuth,
    BodyAuth,
    HeadersAuth,
    OAuth2,
    OfSlice,
    QueryAuth,
    SlicesFromStream,
    SliceValues,
    Source,
    Stream,
)
from datasync_spider.sources.urls import origin

SOURCE_TABLE = "[source]"

_Check: TypeAlias = Callable[[Mapping[str, str]], None]


class SourceFinding(NamedTuple):
    """``table`` and ``key``: where a person would mend it; ``also``: tables and keys that it depends on."""

    table: str
    key: str
    text: str
    also: tuple[tuple[str, str], ...] = ()


def source_findings(source: Source, tables: Mapping[str, str]) -> Iterator[SourceFinding]:
    """All that does not go together; ``tables``: how a file writes each stream's table, by the stream's name."""
    yield from _doubled(source, tables)
    yield from _taken(source, tables)
    if isinstance(source.auth, BodyAuth):
        yield from _bodies(source, tables)
    for key, text in _texts(source):
        yield from _slots(source, tables, key, text)
    for stream in source.streams.values():
        yield from _slices(source, stream, tables[stream.name])
        yield from _parents(source, stream, tables)


def _doubled(source: Source, tables: Mapping[str, str]) -> Iterator[SourceFinding]:
    match source.auth:
        case HeadersAuth(headers=headers):
            own = {name.lower() for name in headers}
        case BasicAuth() | OAuth2():
            own = {"authorization"}
        case _:
            own = set()
    of_streams = [(tables[stream.name], stream.headers) for stream in source.streams.values()]
    for table, headers in ((SOURCE_TABLE, source.headers), *of_streams):
        for name in headers:
            if name.lower() in own:
                text = "is a header that auth sets, too; allowed: one of the two"
                yield SourceFinding(table, f"headers.{key_text(name)}", text, ((SOURCE_TABLE, "auth"),))
    if isinstance(source.auth, QueryAuth):
        for stream in source.streams.values():
            for name in sorted({name for name, _ in stream.query} & source.auth.query.keys()):
                text = "is a parameter that auth sets, too; allowed: one of the two"
                yield SourceFinding(tables[stream.name], f"query.{key_text(name)}", text, ((SOURCE_TABLE, "auth"),))


def _taken(source: Source, tables: Mapping[str, str]) -> Iterator[SourceFinding]:
    """Where what follows would go into a place that the credential has."""
    match source.auth:
        case HeadersAuth(headers=headers):
            own = {("header", name.lower()) for name in headers}
        case BasicAuth() | OAuth2():
            own = {("header", "authorization")}
        case QueryAuth(query=query):
            own = {("query", name) for name in query}
        case BodyAuth(body=body):
            own = {("body", path) for path in body}
        case _:
            own = set()
    for stream in source.streams.values():
        for step in (stream.next, *stream.next.beside):
            name = step.parameter if step.path is None else str(step.path)
            if (step.to, name.lower() if step.to == "header" else name) in own:
                shown = key_text(name) if step.path is None else name
                text = f"sets {shown}, which auth sets, too; allowed: a place of its own"
                yield SourceFinding(tables[stream.name], "next.to", text, ((SOURCE_TABLE, "auth"),))


def _bodies(source: Source, tables: Mapping[str, str]) -> Iterator[SourceFinding]:
    """Where the credential has no body to travel in."""
    auth = ((SOURCE_TABLE, "auth"),)
    for stream in source.streams.values():
        table = tables[stream.name]
        if stream.method == "GET" and stream.body is None:
            text = "is GET without a body, and auth goes into the body; allowed: POST, PUT or PATCH"
            yield SourceFinding(table, "method", text, auth)
        if stream.next.to == "url":
            text = "leads to a URL, which is asked by GET and without a body, and auth goes into the body; allowed:"
            yield SourceFinding(table, "next", f"{text} another to", auth)


def _texts(source: Source) -> Iterator[tuple[str, str]]:
    yield "base_url", source.base_url
    yield from ((f"headers.{key_text(name)}", text) for name, text in source.headers.items())
    yield from (("auth", text) for _, text, _ in auth_texts(source.auth))
    if isinstance(source.auth, OAuth2):
        yield "auth", source.auth.token_url


def _slots(source: Source, tables: Mapping[str, str], key: str, text: str) -> Iterator[SourceFinding]:
    for slot in slots(text):
        if not slot.startswith(SLICE):
            yield SourceFinding(SOURCE_TABLE, key, f"holds {{{slot}}}; allowed: {{{SLICE}NAME}} of the streams' slices")
    for name in sorted(slice_slots(text)):
        for stream in source.streams.values():
            names = slice_names(stream)
            if names is not None and name not in names:
                table = tables[stream.name]
                has = ", ".join(sorted(names)) or "no slices"
                text = f"holds {{{SLICE}{name}}}, and {table} has {has}; allowed: what the slices of all streams have"
                yield SourceFinding(SOURCE_TABLE, key, text, ((table, "slices"),))


def _slices(source: Source, stream: Stream, table: str) -> Iterator[SourceFinding]:
    """What each slice's values make of the texts. Of what is wrong in the same place, the first slice is named."""
    reported: set[tuple[str, str]] = set()
    for index, values in enumerate(stream.slices or ({},)):
        for where, key, why in _wrong(source, stream, table, values):
            if (where, key) in reported:
                continue
            reported.add((where, key))
            also = ((table, "slices"), (SOURCE_TABLE, "base_url"), (SOURCE_TABLE, "allow_hosts"))
            if stream.slices:
                place = key if where == table else f"{key} of {where}"
                yield SourceFinding(table, f"slices[{index}]", f"does not fit into {place}: {why}", also)
            else:
                yield SourceFinding(where, key, why, also)


def _parents(source: Source, stream: Stream, tables: Mapping[str, str]) -> Iterator[SourceFinding]:
    """Of a stream whose slices are made of another one's records."""
    origin_ = stream.slices_from
    if not isinstance(origin_, SlicesFromStream):
        return
    table, parent = tables[stream.name], source.streams.get(origin_.stream)
    if parent is None:
        others = ", ".join(name for name in source.streams if name != stream.name) or "none: there is no other one"
        text = f"names {shown(origin_.stream)}, which is no stream of this source; allowed: {others}"
        yield SourceFinding(table, "slices.stream", text)
        return
    if _leads_back(source, stream):
        text = (
            f"names {origin_.stream}, whose slices are made of this stream's; allowed: one that can be crawled before"
        )
        yield SourceFinding(table, "slices.stream", text, ((tables[parent.name], "slices"),))
        return
    names = slice_names(parent)
    for key, place in origin_.values.items():
        if isinstance(place, OfSlice) and names is not None and place.name not in names:
            has = ", ".join(f"{{{SLICE}{name}}}" for name in sorted(names)) or "a path, for it has no slices"
            text = f"is {{{SLICE}{place.name}}}, which the slices of {parent.name} do not have; allowed: {has}"
            yield SourceFinding(table, f"slices.values.{key_text(key)}", text, ((tables[parent.name], "slices"),))


def _leads_back(source: Source, stream: Stream) -> bool:
    met: set[str] = set()
    above: Stream | None = stream
    while above is not None and isinstance(above.slices_from, SlicesFromStream):
        if above.name in met:
            return True
        met.add(above.name)
        above = source.streams.get(above.slices_from.stream)
    return False


def _wrong(source: Source, stream: Stream, table: str, values: SliceValues) -> Iterator[tuple[str, str, str]]:
    size = None if stream.page_size is None else stream.page_size.default
    filled = slot_values(values, page_size=size, since="0")
    for where, key, check in _checks(source, stream, table):
        try:
            check(filled)
        except NoValue:
            # The slot itself is wrong, which is reported where slots are looked at.
            continue
        except ValueError as error:
            yield where, key, str(error)


def _checks(source: Source, stream: Stream, table: str) -> Iterator[tuple[str, str, _Check]]:
    """Place, key, and what raises ValueError where the values of slots do not fit into it."""
    yield SOURCE_TABLE, "base_url", lambda values: check_base_url(fill_url(source.base_url, values))
    yield table, "url", lambda values: _check_url(source, stream, values)
    for where, headers in ((SOURCE_TABLE, source.headers), (table, stream.headers)):
        yield from (
            (where, f"headers.{key_text(name)}", partial(_check_header, text)) for name, text in headers.items()
        )
    for _, text, is_header in auth_texts(source.auth):
        yield SOURCE_TABLE, "auth", partial(_check_header if is_header else _check_text, text)
    if isinstance(source.auth, OAuth2):
        yield SOURCE_TABLE, "auth", partial(_check_token_url, source.base_url, source.auth.token_url)


def _check_header(text: str, values: Mapping[str, str]) -> None:
    # One that is empty stands in place of a value that is wrong.
    if text:
        put_header(text, values, _AnySecret())


def _check_token_url(base_url: str, token_url: str, values: Mapping[str, str]) -> None:
    url = fill_url(token_url, values)
    if is_absolute(url) and url_parts(url).scheme == "http" and base_url.startswith("https:"):
        raise ValueError("token_url is http beside a base_url of https: the secret would travel unencrypted")


def _check_text(text: str, values: Mapping[str, str]) -> None:
    put_secrets(text, values, _AnySecret())


class _AnySecret(dict[str, str]):
    """Stands in for all secrets, none of which is known when a file is read."""

    def __missing__(self, _name: str) -> str:
        return "x"


def _check_url(source: Source, stream: Stream, values: Mapping[str, str]) -> None:
    url = fill_url(stream.url, values)
    if not is_absolute(url):
        return
    base = fill_url(source.base_url, values)
    if origin(url) not in {origin(base), *(origin(allowed) for allowed in source.allow_hosts)}:
        raise ValueError("it leads to another host than base_url; allowed: that of base_url, or one of allow_hosts")
