"""A source made in Python is held to what a file is held to: it is written as a file's tables, and read.

Invariant: what is given is what a file could have said, so that whoever uses a source need not ask who made it. Nothing
is judged here: that is the business of those who read files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from datasync_spider.errors import SourceRefused
from datasync_spider.sources.files.load import read_tables
from datasync_spider.sources.files.tables import key_text, shown
from datasync_spider.sources.paths import Path
from datasync_spider.sources.slots import SLICE
from datasync_spider.sources.spec import (
    BasicAuth,
    Budget,
    End,
    HeadersAuth,
    Next,
    OfSlice,
    QueryAuth,
    SlicesFromCommand,
    SlicesFromStream,
    Source,
    Stream,
)


def checked(source: Source, place: str) -> Source:
    """The source as a file with the same content would give it; ``place`` is how its mistakes name it.

    Raises SourceRefused with all of them.
    """
    try:
        tables = _source_tables(source)
        names = [(key, stream.name) for key, stream in source.streams.items()]
    except (AttributeError, TypeError) as error:
        mistake = f"{place}: it is not made of the classes of datasync_spider.plugin: {error}"
        raise SourceRefused(place, [mistake]) from error
    mistakes = [
        f"{place}: [streams.{key_text(key)}] is a stream whose name is {shown(name)}; allowed: one name in both places"
        for key, name in names
        if name != key
    ]
    try:
        read = read_tables(tables, place)
    except SourceRefused as refusal:
        raise SourceRefused(place, [*mistakes, *refusal.mistakes]) from None
    if mistakes:
        raise SourceRefused(place, mistakes)
    return read


def _source_tables(source: Source) -> dict[str, Any]:
    budget = source.budget
    meanings = [
        _given(means=row.means, status=row.status, path=_plain(row.path), value=row.value, substring=row.substring)
        for row in source.meanings
    ]
    table = _given(
        name=source.name,
        base_url=source.base_url,
        headers=_plain(source.headers),
        auth=_auth(source.auth),
        allow_hosts=_plain(source.allow_hosts),
        meanings=meanings,
        budget=None if budget is None else _budget(budget),
        timeout=source.timeout_seconds,
        retries=source.retries,
    )
    return {"source": table, "streams": {name: _stream(stream) for name, stream in source.streams.items()}}


def _stream(stream: Stream) -> dict[str, Any]:
    size, tombstone = stream.page_size, stream.tombstone
    return _given(
        url=stream.url,
        query=_plain(stream.query),
        headers=_plain(stream.headers),
        page_size=None if size is None else {"default": size.default, "max": size.most},
        records=_plain(stream.records),
        id=_plain(stream.id),
        time=_plain(stream.time) or None,
        total=_plain(stream.total) or None,
        returned=_plain(stream.returned) or None,
        request_id=_plain(stream.request_id) or None,
        cursor_seconds=_plain(stream.cursor_seconds) or None,
        order=stream.order,
        next=_next(stream.next),
        end=_end(stream.end),
        incremental={"type": stream.incremental.type, "format": stream.incremental.format},
        slices=_slices(stream),
        mutable=stream.mutable,
        version=_plain(stream.version),
        tombstone=None if tombstone is None else {"path": _plain(tombstone.path), "value": tombstone.value},
        keep_history=stream.keep_history,
        timeout=stream.timeout_seconds,
        retries=stream.retries,
    )


def _budget(budget: Budget) -> dict[str, Any]:
    names = (field.name for field in fields(budget))
    return _given(**{name: _plain(getattr(budget, name)) for name in names})


def _slices(stream: Stream) -> Any:
    match stream.slices_from:
        case None:
            return _plain(stream.slices) or None
        case SlicesFromCommand(command=command):
            return {"command": _plain(command)}
        case SlicesFromStream(stream=parent, values=values):
            return {"stream": parent, "values": {name: _place(place) for name, place in values.items()}}


def _place(place: Any) -> Any:
    return f"{{{SLICE}{place.name}}}" if isinstance(place, OfSlice) else _plain(place)


def _auth(auth: Any) -> Any:
    match auth:
        case HeadersAuth(headers=headers):
            return {"type": "headers", "headers": _plain(headers)}
        case BasicAuth(user=user, password=password):
            return {"type": "basic", "user": user, "password": password}
        case QueryAuth(query=query):
            return {"type": "query", "query": _plain(query)}
    return auth


def _next(step: Next) -> dict[str, Any]:
    named = {"header": f"header:{step.name}", "link": f"link:{step.name}", "counter": f"counter:{step.name}"}
    places = [f"body:{path}" for path in step.paths]
    return _given(
        **{"from": places if step.source == "body" else named.get(step.source, step.source)},
        to=f"query:{step.parameter}" if step.to == "query" else step.to,
        first=step.first,
        keep=None if step.keep is None else _plain(step.keep) or "none",
    )


def _end(end: End) -> list[str]:
    rules = {"no-next": end.no_next, "empty": end.empty, "short": end.short}
    flags = [f"flag:{flag.path}={json.dumps(flag.value)}" for flag in end.flags]
    return [*(name for name, is_given in rules.items() if is_given), *flags]


def _given(**values: Any) -> dict[str, Any]:
    """Without what is not said."""
    return {name: value for name, value in values.items() if value is not None}


def _plain(value: Any) -> Any:
    """As TOML would have given it."""
    match value:
        case Path():
            return str(value)
        case tuple() | list():
            return [_plain(one) for one in value]
        case Mapping():
            return dict(value)
    return value
