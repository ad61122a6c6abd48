"""A source made in Python is held to what a file is held to: it is written as a file's tables, and read.

Invariant: what is given is what a file could have said, so that the user of a source need not ask how it was made.
Nothing is checked here: that is the business of those who read files.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from msgspec.structs import fields

from datasync_spider.errors import SourceRefused
from datasync_spider.sources.files.load import read_tables
from datasync_spider.sources.files.tables import key_text, shown
from datasync_spider.sources.paths import Path
from datasync_spider.sources.slots import SLICE
from datasync_spider.sources.spec import (
    BasicAuth,
    BodyAuth,
    Budget,
    End,
    FormBody,
    HeadersAuth,
    Incremental,
    JsonBody,
    Next,
    OAuth2,
    OfSlice,
    PythonAuth,
    QueryAuth,
    Shape,
    SlicesFromCommand,
    SlicesFromStream,
    Source,
    Stream,
)
from datasync_spider.sources.userclasses import PYTHON

# A source is looked at for each of its streams, whoever plans them: by its identity what has come of it.
_known: OrderedDict[int, tuple[Source, Source]] = OrderedDict()
_MOST_KNOWN = 1_024


def checked(source: Source, place: str) -> Source:
    """The source as a file with the same content would give it; ``place`` is how its mistakes name it.

    Raises SourceRefused with all of them.
    """
    known = _known.get(id(source))
    if known is not None and known[0] is source:
        return known[1]
    read = _read(source, place)
    _know(source, read)
    return read


def know_as_read(source: Source) -> None:
    """It is of a file, so that there is nothing more to be looked at."""
    _know(source, source)


def _know(source: Source, read: Source) -> None:
    _known[id(source)] = source, read
    while len(_known) > _MOST_KNOWN:
        _known.popitem(last=False)


def _read(source: Source, place: str) -> Source:
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
        every=source.every_seconds,
    )
    return {"source": table, "streams": {name: _stream(stream) for name, stream in source.streams.items()}}


def _stream(stream: Stream) -> dict[str, Any]:
    size, tombstone = stream.page_size, stream.tombstone
    return _given(
        url=stream.url,
        query=_plain(stream.query),
        headers=_plain(stream.headers),
        method=stream.method,
        body=_body(stream.body),
        page_size=None if size is None else {"default": size.default, "max": size.most},
        format=stream.format,
        records=_records(stream),
        id=_id(stream),
        time=_time(stream),
        total=_plain(stream.total) or None,
        returned=_plain(stream.returned) or None,
        request_id=_plain(stream.request_id) or None,
        cursor_seconds=_plain(stream.cursor_seconds) or None,
        order=stream.order,
        next=_next(stream.next),
        end=_end(stream.end),
        tail=None if stream.tail is None else _tail(stream.tail),
        incremental=_incremental(stream.incremental),
        slices=_slices(stream),
        mutable=stream.mutable,
        version=_plain(stream.version),
        tombstone=None if tombstone is None else {"path": _plain(tombstone.path), "value": tombstone.value},
        history=stream.keep_history,
        deletions="full-sync" if stream.marks_deleted else None,
        on_drift="fail" if stream.fails_on_drift else None,
        timeout=stream.timeout_seconds,
        retries=stream.retries,
        columns=_columns(stream),
        every=stream.every_seconds,
    )


def _columns(stream: Stream) -> Any:
    auto = ["auto"] if stream.keeps_view else []
    declared = [
        _given(
            path=_plain(column.path),
            name=column.name,
            type=column.type,
            mask=column.is_masked,
            index=column.is_indexed,
        )
        for column in stream.columns
    ]
    return [*auto, *declared] or None


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


def _records(stream: Stream) -> Any:
    shape = stream.shape
    if shape == Shape():
        return _plain(stream.records)
    kind = shape.kind if shape.path is None else f"{shape.kind}:{shape.path}"
    is_python = shape.kind == "python"
    return _given(
        path=None if is_python and stream.records == (Path(),) else _plain(stream.records),
        shape=f"{PYTHON}{shape.place}" if is_python else kind,
        key=shape.key if shape.kind == "map" else None,
        null="empty" if shape.null_is_empty else None,
    )


def _id(stream: Stream) -> Any:
    paths = _plain(stream.id)
    match stream.id_kind:
        case "hash":
            return _given(hash=True, without=paths or None)
        case "all":
            return {"all": paths}
    return paths


def _time(stream: Stream) -> Any:
    if stream.time_format == "auto" and stream.time_zone is None and not stream.time_missing:
        return _plain(stream.time) or None
    missing = stream.time_missing or None
    return _given(any=_plain(stream.time), format=stream.time_format, zone=stream.time_zone, missing=missing)


def _auth(auth: Any) -> Any:
    match auth:
        case HeadersAuth(headers=headers):
            return {"type": "headers", "headers": _plain(headers)}
        case BasicAuth(user=user, password=password):
            return {"type": "basic", "user": user, "password": password}
        case QueryAuth(query=query):
            return {"type": "query", "query": _plain(query)}
        case BodyAuth(body=body):
            return {"type": "body", "body": _plain(body)}
        case OAuth2():
            return _grant(auth)
        case PythonAuth(place=place, secrets=secrets):
            return _given(type=f"{PYTHON}{place}", secrets=_plain(secrets) or None)
    return auth


def _grant(auth: OAuth2) -> dict[str, Any]:
    texts = {name: getattr(auth, name) for name in ("client_id", "client_secret", "refresh_token", "scope", "audience")}
    answer = {name: str(path) for name, path in auth.answer.items()}
    return {
        "type": f"oauth2-{auth.grant}",
        "token_url": auth.token_url,
        **{name: text for name, text in texts.items() if text},
        "send": auth.send,
        "leeway": auth.leeway_seconds,
        "fields": dict(auth.fields),
        "encoding": auth.encoding,
        "answer": answer | {"unit": auth.unit},
    }


def _next(step: Next) -> dict[str, Any]:
    steps = (step, *step.beside)
    sources = [place for one in steps for place in _from(one)]
    targets = [_to(one) for one in steps]
    has_no_to = step.source in {"object", "python"}
    return _given(
        **{"from": sources if len(sources) > 1 else sources[0]},
        to=None if has_no_to else targets if step.beside else targets[0],
        first=step.first,
        keep=None if step.keep is None else _plain(step.keep) or "none",
        base=None if step.base is None else f"body:{step.base}",
    )


def _from(step: Next) -> list[str]:
    """More than one where any of several places will do, or where several members make one list."""
    if step.source in {"body", "last", "object"}:
        return [f"{step.source}:{path}" for path in step.paths] or [f"{step.source}:"]
    return [f"{step.source}:{step.name}"]


def _to(step: Next) -> str:
    if step.to == "url":
        return "url"
    return f"{step.to}:{step.parameter if step.path is None else step.path}"


def _body(body: Any) -> Any:
    match body:
        case JsonBody(value=value):
            return {"json": value}
        case FormBody(fields=fields):
            return {"form": _plain(fields)}
    return body


def _tail(tail: Next) -> dict[str, Any]:
    return {key: value for key, value in _next(tail).items() if key in ("from", "to")}


def _incremental(way: Incremental) -> dict[str, Any]:
    """``param``, and ``from`` and ``to`` of windows, stand in the stream's query already."""
    table = _given(type=way.type, format=way.format, start=way.start, conditional=way.conditional or None)
    if way.type in {"since", "window"}:
        table |= {"overlap": way.overlap_seconds, "lag": way.lag_seconds, "inclusive": way.inclusive}
    if way.type == "window":
        table |= _given(step=way.step_seconds, parallel=way.parallel)
    return table


def _end(end: End) -> list[str]:
    rules = {
        "no-next": end.no_next,
        "empty": end.empty,
        "short": end.short,
        "repeat": end.repeat,
        "resumable": end.resumable,
    }
    flags = [f"flag:{flag.path}={json.dumps(flag.value)}" for flag in end.flags]
    statuses = [f"status:{status}" for status in end.statuses]
    return [*(name for name, is_given in rules.items() if is_given), *statuses, *flags]


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
