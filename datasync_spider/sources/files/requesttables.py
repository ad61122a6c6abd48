"""Reads what a stream's requests are made of, beside headers and parameters.

Invariant: as of all that reads tables: something is given whatever is wrong.
"""

from __future__ import annotations

import math
from typing import Any, Literal

from datasync_spider.sources.files import keys
from datasync_spider.sources.files.kinds import choice, whole_number
from datasync_spider.sources.files.tables import MASK, Kind, Table, key_text
from datasync_spider.sources.secretnames import MARK, may_be_secret
from datasync_spider.sources.spec import Body, FormBody, JsonBody, PageSize, Pairs

_METHODS: tuple[Literal["GET", "POST", "PUT", "PATCH"], ...] = ("GET", "POST", "PUT", "PATCH")
_BODY = 'a table such as { json = { size = "{page_size}" } } or { form = { limit = "{page_size}" } }'
_JSON = "a table or a list of texts, numbers, true, false, tables and lists"
_FORM = 'a table of names and texts, or a list of pairs for repeats, such as [["tag", "a"], ["tag", "b"]]'
_NO_SECRET = 'a credential belongs into auth = { type = "body", body = { … = "secret:NAME" } }'
# They are what many APIs call what they sort by, or where a page begins.
_HARMLESS = frozenset({"key", "token"})
# In place of a largest page that is wrong.
_ANY = 2**53


def read_page_size(table: Table) -> PageSize | None:
    """None where an API decides for itself."""
    given = table.raw("page_size")
    if not isinstance(given, dict):
        whole = Kind(whole_number(1).read, "a whole number from 1, or a table such as { default = 100, max = 1000 }")
        number = table.take("page_size", whole, None)
        return None if number is None else PageSize(default=number, most=number)
    inner = table.inner("page_size", given, keys.PAGE_SIZE)
    default = inner.need("default", whole_number(1), 1)
    most = inner.take("max", whole_number(1), default if "max" not in inner else _ANY)
    if most < default:
        allowed = f"a whole number from 1 to {most:,}"
        inner.refuse("default", f"it is above max, which is {most:,}", allowed, str(default))
    return PageSize(default=default, most=most)


def read_method(table: Table) -> Literal["GET", "POST", "PUT", "PATCH"]:
    """How the API wants to be asked. Whatever it is called, it reads."""
    return table.take("method", choice(_METHODS), "GET")


def read_body(table: Table) -> Body | None:
    """None where none is given. No value of it is shown: it may hold a secret that someone has put there."""
    inner = table.table("body", keys.BODY, _BODY, lambda _value: MASK)
    if inner is None:
        return None
    if ("json" in inner) == ("form" in inner):
        table.note("body", "is a table with both json and form, or neither; allowed: one of the two")
        return None
    if "form" in inner:
        fields = inner.take("form", Kind(_read_form, _FORM, lambda _value: MASK), None)
        return None if fields is None else FormBody(fields=fields)
    value = inner.take("json", Kind(_read_json, _JSON, lambda _value: MASK), None)
    return None if value is None else JsonBody(value=value)


def _read_form(value: Any) -> Pairs:
    pairs = list(value.items()) if isinstance(value, dict) else value
    if not isinstance(pairs, list) or not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
        raise ValueError("it is neither")
    fields: list[tuple[str, str]] = []
    for name, text in pairs:
        if not isinstance(name, str) or not name:
            raise ValueError("a name in it is empty or no text")
        if isinstance(text, bool) or not isinstance(text, str | int):
            raise ValueError(f"{key_text(name)} in it is neither a text nor a whole number")
        if MARK in str(text) or (text and may_be_secret(name) and not str(text).startswith("{")):
            raise ValueError(f"{key_text(name)} in it holds or may hold a secret: {_NO_SECRET}")
        fields.append((name, str(text)))
    return tuple(fields)


def _read_json(value: Any) -> Any:
    if not isinstance(value, dict | list):
        raise ValueError("it is neither a table nor a list")
    _check_json(value, "")
    return value


def _check_json(value: Any, name: str) -> None:
    match value:
        case dict():
            for key, one in value.items():
                _check_json(one, key)
        case list():
            for one in value:
                _check_json(one, name)
        case str():
            named = name.lower() not in _HARMLESS and may_be_secret(name) and value and not value.startswith("{")
            if MARK in value or named:
                raise ValueError(f"{key_text(name)} in it holds or may hold a secret: {_NO_SECRET}")
        case float() if not math.isfinite(value):
            raise ValueError(f"{key_text(name)} in it is a number that JSON has not")
        case None | bool() | int() | float():
            pass
        case _:
            raise ValueError(f"{key_text(name)} in it is a date or time, which JSON has not: write it as a text")
