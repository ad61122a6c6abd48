"""The request for one page, as it goes over the wire: from what a stream says, what its position adds, and slots.

Invariant: a request is whole: method, URL, headers and body are made here and nowhere else, and each value arrives at
the server as the very text, or the very JSON value, that it is.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

from datasync_spider.sources.auth import Authorization
from datasync_spider.sources.paginators.protocol import Ask
from datasync_spider.sources.paths import Path
from datasync_spider.sources.slots import TIMES, NoValue, fill, fill_query, fill_url, slots
from datasync_spider.sources.spec import Body, FormBody, JsonBody, Pairs, Stream
from datasync_spider.sources.urls import page_url, with_parameters

_JSON = (("Content-Type", "application/json"),)
_FORM = (("Content-Type", "application/x-www-form-urlencoded"),)
# What a text that is one slot and nothing else becomes in a body of JSON: a number where it is one.
_NUMBERS = frozenset({"page_size", "since", "until"})


@dataclass(frozen=True, slots=True)
class PageRequest:
    """``headers``: those that this page has beside the stream's own. Credentials of query and body are in it."""

    method: str
    url: str = field(repr=False)
    headers: Pairs = ()
    body: bytes | None = field(default=None, repr=False)


def page_request(
    stream: Stream, base_url: str, ask: Ask, slot_texts: Mapping[str, str], authorization: Authorization
) -> PageRequest:
    """``slot_texts``: what fills the slots. Raises ValueError where a slot's value cannot stand where it would.

    A position that is a URL is asked for as it is, with method GET and no body where the stream has another method:
    what it was made for has been said in the request that led there.
    """
    place = fill_url(stream.url, slot_texts)
    url = page_url(base_url, place, fill_query(stream.query, slot_texts), ask)
    url = with_parameters(url, authorization.query)
    if ask.url is not None or (stream.body is None and not ask.body and not authorization.body):
        method = "GET" if ask.url is not None else stream.method
        return PageRequest(method, url, ask.headers)
    headers, body = _body(stream.body, ask, slot_texts, authorization)
    return PageRequest(stream.method, url, (*headers, *ask.headers), body)


def _body(
    body: Body | None, ask: Ask, slot_texts: Mapping[str, str], authorization: Authorization
) -> tuple[Pairs, bytes]:
    added: list[tuple[Path, Any]] = [*ask.body, *authorization.body]
    if isinstance(body, FormBody):
        names = {str(path) for path, _ in added}
        own = [(name, text) for name, text in fill_query(body.fields, slot_texts) if name not in names]
        pairs = [*own, *((str(path), _text(value)) for path, value in added)]
        return _FORM, "&".join(f"{quote_plus(name)}={quote_plus(text)}" for name, text in pairs).encode()
    value = _filled(copy.deepcopy(body.value), slot_texts) if isinstance(body, JsonBody) else {}
    for path, one in added:
        value = _with(value, path.steps, one)
    return _JSON, json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _filled(value: Any, slot_texts: Mapping[str, str]) -> Any:
    """Members whose ``{since}`` or ``{until}`` has no value are left out, as parameters are."""
    match value:
        case str():
            return _filled_text(value, slot_texts)
        case list():
            return [_filled(one, slot_texts) for one in value if not _is_absent(one, slot_texts)]
        case dict():
            return {name: _filled(one, slot_texts) for name, one in value.items() if not _is_absent(one, slot_texts)}
    return value


def _is_absent(value: Any, slot_texts: Mapping[str, str]) -> bool:
    absent = TIMES - slot_texts.keys()
    return isinstance(value, str) and not absent.isdisjoint(slots(value))


def _filled_text(text: str, slot_texts: Mapping[str, str]) -> Any:
    filled = fill(text, slot_texts)
    names = slots(text)
    if len(names) == 1 and text == f"{{{names[0]}}}" and names[0] in _NUMBERS and filled.isascii() and filled.isdigit():
        return int(filled)
    return filled


def _with(value: Any, steps: tuple[str | int, ...], one: Any) -> Any:
    """The value with ``one`` at the place, whose objects are made where they are not there."""
    if not steps:
        return one
    step, rest = steps[0], steps[1:]
    if isinstance(step, int):
        if not isinstance(value, list) or not -len(value) <= step < len(value):
            raise NoValue(f"the body has no list with an element {step} to put something into")
        value[step] = _with(value[step], rest, one)
        return value
    members = value if isinstance(value, dict) else {}
    members[step] = _with(members.get(step), rest, one)
    return members
