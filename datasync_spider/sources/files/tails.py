"""Reads where the last page of a stream has its durable token, and where that goes.

Invariant: as of all that reads tables: something is given whatever is wrong.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from datasync_spider.sources.files import keys
from datasync_spider.sources.files.nextplaces import To, read_from, read_to
from datasync_spider.sources.files.tables import Kind, Table
from datasync_spider.sources.spec import Next

_FROM = "body:PATH or a list of these, header:NAME or link:REL"
_TAIL = f'next, {_FROM}; or a table such as {{ from = "body:nextSyncToken", to = "query:syncToken" }}'
_TO = "query:NAME, body:PATH, header:NAME or url"
_PLACES = frozenset({"body", "header", "link"})


def read_tail(table: Table, step: Next) -> Next | None:
    """None for what follows the last page by ``next``. ``step``: the stream's ``next``."""
    given, end = table.raw("tail"), table.raw("end")
    if given is not None and isinstance(end, list) and "resumable" not in end:
        table.note("tail", "goes with resumable in end only; allowed: no such key")
    if not isinstance(given, dict):
        return table.take("tail", Kind(lambda value: None if value == "next" else _beside(value, step), _TAIL), None)
    inner = table.inner("tail", given, keys.TAIL)
    tail = inner.need("from", Kind(lambda value: _placed(value, step), _FROM), None)
    to = inner.need("to", Kind(_one_target, _TO), None)
    if tail is None or to is None:
        return None
    if tail.source == "link" and to.to != "url":
        inner.refuse("to", "a link is a URL", "url", f'"query:{to.parameter}"')
    # Beside a URL nothing is kept in any case.
    keep = None if to.to == "url" else step.keep
    return replace(tail, to=to.to, parameter=to.parameter, path=to.path, keep=keep)


def _beside(value: Any, step: Next) -> Next:
    if step.beside or step.source in {"object", "python"}:
        raise ValueError("what next goes by has no one place that it could go to, so it needs one of its own in to")
    return _placed(value, step)


def _one_target(value: Any) -> To:
    if isinstance(value, list):
        raise ValueError("it is a list")
    return read_to(value)[0]


def _placed(value: Any, step: Next) -> Next:
    """The token from this place, which goes where ``next`` goes."""
    sources = read_from(value)
    source = sources[0]
    if any(one.source not in _PLACES for one in sources):
        raise ValueError("the last page has no token there")
    if sources[1:] and any(one.source != "body" for one in sources):
        raise ValueError("a list holds places in the body only")
    return Next(
        source=source.source,
        paths=tuple(path for one in sources for path in one.paths),
        name=source.name,
        to=step.to,
        parameter=step.parameter,
        path=step.path,
        keep=step.keep,
    )
