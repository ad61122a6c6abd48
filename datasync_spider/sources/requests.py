"""The request for one page, as it goes over the wire: from what a stream says, what its position adds, and slots.

Invariant: a request is whole: method, URL, headers and body are made here and nowhere else, and each value arrives at
the server as the very text, or the very JSON value, that it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import quote_plus

from datasync_spider.sources.auth import Authorization
from datasync_spider.sources.jsontext import written_json
from datasync_spider.sources.paginators.protocol import Ask
from datasync_spider.sources.paths import Path
from datasync_spider.sources.slots import PAGE_SIZE, TIMES, NoValue, fill_body, fill_query, fill_url, slots_of_body
from datasync_spider.sources.spec import FormBody, JsonBody, Pairs, Stream
from datasync_spider.sources.urls import page_url, with_parameters

Added: TypeAlias = tuple[tuple[Path, Any], ...]
"""Values and where they go in a body."""

_JSON = (("Content-Type", "application/json"),)
_FORM = (("Content-Type", "application/x-www-form-urlencoded"),)
# What a text that is one slot and nothing else becomes in a body of JSON, where it is a number.
_NUMBERS = frozenset({PAGE_SIZE, *TIMES})
_WHOLE = re.compile(r"-?[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """``headers``: those that this page has beside the stream's own. Credentials of query and body are in it."""

    method: str
    url: str = field(repr=False)
    headers: Pairs = ()
    body: bytes | None = field(default=None, repr=False)


def page_request(
    stream: Stream,
    base_url: str,
    ask: Ask,
    slot_texts: Mapping[str, str],
    authorization: Authorization,
    *,
    numbers: frozenset[str] = frozenset(),
    has_content_type: bool = False,
) -> PageRequest:
    """``slot_texts``: what fills the slots. Raises ValueError where a slot's value cannot stand where it would.

    ``numbers``: slots that stand for numbers besides those that always do. ``has_content_type``: a header of source or
    stream says what the body is.

    A position that is a URL is asked for as it is, with method GET and no body where the stream has another method:
    what it was made for has been said in the request that led there.
    """
    place = fill_url(stream.url, slot_texts)
    url = page_url(base_url, place, fill_query(stream.query, slot_texts), ask)
    url = with_parameters(url, authorization.query)
    if ask.url is not None or (stream.body is None and not ask.body and not authorization.body):
        method = "GET" if ask.url is not None else stream.method
        return PageRequest(method, url, ask.headers)
    added = (*ask.body, *authorization.body)
    if isinstance(stream.body, FormBody):
        headers, body = _FORM, _form(stream.body, ask, added, slot_texts)
    else:
        headers, body = _JSON, _json(stream.body, ask, added, slot_texts, numbers | _NUMBERS)
    return PageRequest(stream.method, url, (*(() if has_content_type else headers), *ask.headers), body)


def field_name(path: Path) -> str:
    """The field of a form that the path means: a name of one step is meant as it is."""
    return str(path.steps[0]) if len(path.steps) == 1 else str(path)


def with_value(value: Any, steps: tuple[str | int, ...], one: Any) -> Any:
    """The value with ``one`` at the place, whose objects are made where they are not there. Raises NoValue."""
    if not steps:
        return one
    step, rest = steps[0], steps[1:]
    if isinstance(step, int):
        if not isinstance(value, list) or not -len(value) <= step < len(value):
            raise NoValue(f"the body has no list with an element {step} to put something into")
        value[step] = with_value(value[step], rest, one)
        return value
    members = value if isinstance(value, dict) else {}
    members[step] = with_value(members.get(step), rest, one)
    return members


def _form(body: FormBody, ask: Ask, added: Added, slot_texts: Mapping[str, str]) -> bytes:
    given = [(field_name(path), value if isinstance(value, str) else written_json(value)) for path, value in added]
    names = {name for name, _ in given}
    own = [
        (name, text) for name, text in _fields(body, slot_texts) if name not in names and _stays(name, ask.keep_members)
    ]
    return "&".join(f"{quote_plus(name)}={quote_plus(text)}" for name, text in (*own, *given)).encode()


def _fields(body: FormBody, slot_texts: Mapping[str, str]) -> Pairs:
    pairs = ((name, text) for name, text in body.fields if not _is_absent(text, slot_texts))
    return tuple((name, fill_body(text, slot_texts)) for name, text in pairs)


def _json(
    body: JsonBody | None, ask: Ask, added: Added, slot_texts: Mapping[str, str], numbers: frozenset[str]
) -> bytes:
    value = {} if body is None else _filled(body.value, slot_texts, numbers)
    if isinstance(value, dict):
        value = {name: one for name, one in value.items() if _stays(name, ask.keep_members)}
    for path, one in added:
        value = with_value(value, path.steps, one)
    return written_json(value).encode()


def _stays(name: str, keep: tuple[str, ...] | None) -> bool:
    return keep is None or name in keep


def _filled(value: Any, slot_texts: Mapping[str, str], numbers: frozenset[str]) -> Any:
    """A copy. Members whose ``{since}`` or ``{until}`` has no value are left out, as parameters are."""
    match value:
        case str():
            return _filled_text(value, slot_texts, numbers)
        case list() | tuple():
            return [_filled(one, slot_texts, numbers) for one in value if not _is_absent(one, slot_texts)]
        case Mapping():
            members = ((name, one) for name, one in value.items() if not _is_absent(one, slot_texts))
            return {name: _filled(one, slot_texts, numbers) for name, one in members}
    return value


def _is_absent(value: Any, slot_texts: Mapping[str, str]) -> bool:
    absent = TIMES - slot_texts.keys()
    return isinstance(value, str) and not absent.isdisjoint(slots_of_body(value))


def _filled_text(text: str, slot_texts: Mapping[str, str], numbers: frozenset[str]) -> Any:
    filled = fill_body(text, slot_texts)
    names = slots_of_body(text)
    is_number = text == f"{{{names[0]}}}" and names[0] in numbers and _WHOLE.fullmatch(filled) if names else False
    return int(filled) if is_number else filled
