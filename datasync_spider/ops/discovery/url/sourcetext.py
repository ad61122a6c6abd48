"""Findings as the text of a source's file.

Invariant: what is a guess stands beside a comment that says so, and no secret stands in the text but by its name.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from datasync_spider.ops.discovery.url import toml
from datasync_spider.ops.discovery.url.findings import Findings
from datasync_spider.ops.discovery.url.target import put
from datasync_spider.sources.files.schema import SCHEMA_LINE
from datasync_spider.sources.paths import Path, parse_path
from datasync_spider.sources.secretnames import is_reference
from datasync_spider.sources.spec import Auth, BasicAuth, BodyAuth, HeadersAuth, QueryAuth

_BEARER = "Bearer "
_SLOT = "{page_size}"


def source_text(found: Findings, name: str, stream: str) -> str:
    """All of the file, with the line by which editors find its schema."""
    lines = [SCHEMA_LINE, *toml.comments(_preamble(found)), "", "[source]"]
    lines += [f"name = {toml.text(name)}", f"base_url = {toml.text(_base(found))}"]
    if found.target.headers:
        lines.append(f"headers = {toml.inline(dict(found.target.headers))}")
    if found.target.auth is not None:
        lines.append(f"auth = {toml.inline(auth_table(found.target.auth))}")
    lines += [*toml.comments([f"the API reports its limits: {reported}" for reported in found.rate.values()])]
    lines += ["", f"[streams.{toml.key(stream)}]"]
    for key, value in _stream(found):
        lines += [*toml.comments(found.doubts.get(key, [])), f"{key} = {toml.inline(value)}"]
        if key == "time":
            continue
    reported = {key for key, _ in _stream(found)}
    for key, doubts in found.doubts.items():
        if key and key not in reported:
            lines += toml.comments(doubts)
    return "\n".join([*lines, *_suggestions(found), ""])


def _preamble(found: Findings) -> list[str]:
    count = "one request" if found.requests == 1 else f"{found.requests} requests"
    lines = [
        f"Made by scrapy discover from {count}: read it before you rely on it. What is not sure is said above its key."
    ]
    if found.is_tried:
        lines.append(
            f"Tried: the second page was asked for as next says ({found.next.seen_in}), and held other records."
        )
    return [*lines, *found.doubts.get("", [])]


def _base(found: Findings) -> str:
    parts = urlsplit(found.target.url)
    return f"{parts.scheme}://{parts.netloc}"


def auth_table(auth: Auth) -> dict[str, Any]:
    """As a file has it."""
    match auth:
        case HeadersAuth(headers=headers):
            token = headers.get("Authorization", "")
            if len(headers) == 1 and token.startswith(_BEARER) and is_reference(token.removeprefix(_BEARER)):
                return {"type": "bearer", "token": token.removeprefix(_BEARER)}
            return {"type": "headers", "headers": dict(headers)}
        case BasicAuth(user=user, password=password):
            return {"type": "basic", "user": user, **({"password": password} if password else {})}
        case QueryAuth(query=query):
            return {"type": "query", "query": dict(query)}
        case BodyAuth(body=body):
            return {"type": "body", "body": dict(body)}
    raise ValueError("it is not one that a URL is asked with")


def _stream(found: Findings) -> Iterator[tuple[str, Any]]:
    target = found.target
    if target.method != "GET":
        yield "method", target.method
    yield "url", urlsplit(target.url).path or "/"
    query, data, form = _request(found)
    if query:
        names = [name for name, _ in query]
        yield "query", [list(pair) for pair in query] if len(set(names)) < len(names) else dict(query)
    if data is not None:
        yield "body", {"json": data}
    elif form is not None:
        yield "body", {"form": [list(pair) for pair in form]}
    if found.size is not None:
        size, largest = found.size.size, found.largest
        yield "page_size", size if largest is None else {"default": min(size, largest), "max": largest}
    if found.is_lines:
        yield "format", "ndjson"
    shape = found.layout.shape
    yield "records", str(found.layout.path) if shape == "list" else {"path": str(found.layout.path), "shape": shape}
    yield "id", _id(found)
    if found.times:
        best = found.times[0]
        is_plain = best.format == "auto"
        yield "time", str(best.path) if is_plain else {"path": str(best.path), "format": best.format}
    if found.total is not None:
        yield "total", str(found.total)
    yield "order", found.order
    yield "next", _next(found)
    yield "end", found.end


def _id(found: Findings) -> Any:
    match found.identity.kind:
        case "any":
            return str(found.identity.paths[0])
        case "all":
            return {"all": [str(path) for path in found.identity.paths]}
    return {"hash": True}


def _next(found: Findings) -> dict[str, Any]:
    way = found.next
    table: dict[str, Any] = {"from": way.source}
    if way.to is not None:
        table["to"] = way.to
    if way.counts is not None and way.first is not None:
        table["first"] = way.first
    return table


def _request(found: Findings) -> tuple[list[tuple[str, str]], Any, list[tuple[str, str]] | None]:
    """Query, data and form as the file has them: with a slot for the size, and without what ``next`` sets."""
    target, way = found.target, found.next
    sets = way.to or ""
    dropped = set(way.drops) | ({sets.removeprefix("query:")} if way.counts else set())
    query = [
        (name, text)
        for name, text in target.query
        if name not in dropped and not (sets == f"query:{name}" and text == "")
    ]
    form = None if target.form is None else [pair for pair in target.form if sets != f"body:{pair[0]}"]
    data = copy.deepcopy(target.data)
    if data is not None and sets.startswith("body:"):
        steps = parse_path(sets.removeprefix("body:")).steps
        if way.counts is not None or Path(steps).read(data) in (None, ""):
            _remove(data, steps)
    if found.size is not None and found.size.to:
        where, _, name = found.size.to.partition(":")
        if where == "query":
            kept = [(own, _SLOT if own == name else text) for own, text in query]
            query = kept if any(own == name for own, _ in kept) else [*kept, (name, _SLOT)]
        elif form is not None:
            form = [(own, _SLOT if own == name else text) for own, text in form]
        else:
            data = put(data, parse_path(name).steps, _SLOT)
    return query, _without_null(data), form


def _remove(data: Any, steps: tuple[str | int, ...]) -> None:
    held = Path(steps[:-1]).read(data)
    if isinstance(held, dict):
        held.pop(steps[-1], None)


def _without_null(value: Any) -> Any:
    """TOML has no null, which most APIs take for a member that is not there."""
    if isinstance(value, dict):
        return {name: _without_null(one) for name, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_without_null(one) for one in value if one is not None]
    return value


def _suggestions(found: Findings) -> list[str]:
    lines = ["", "# What no answer shows, and the API's documentation may:"]
    if found.times:
        lines.append("# mutable = true                      # a record can change after it was first given")
    if found.order == "newest-first":
        lines.append('# incremental = { type = "known" }    # a sync after the first one stops at what is stored')
    lines.append(
        "# A sync after the first one is a full one, unless incremental says how the API is asked for what is new."
    )
    return lines
