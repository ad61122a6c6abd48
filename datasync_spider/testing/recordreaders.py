"""Tests any record reader: ``check_record_reader(make, pages)`` returns, or raises NotConforming with what broke.

The author gives bodies as the API sends them, with the records that are in each; nothing is sent.

Invariant: each check begins with readers of its own, as a crawl does that goes on where another one has ended.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn, TypeAlias

from msgspec import Struct, field

from datasync_spider.sources.bodyreader import BodyReader
from datasync_spider.testing.chains import NotConforming, require, shown

__all__ = ["Make", "NotConforming", "SamplePage", "check_record_reader"]

Make: TypeAlias = Callable[[], BodyReader]


class SamplePage(Struct, frozen=True):
    """``records``: what JSON decodes each of the body's records to; ``rest``: what the page says besides."""

    body: bytes
    records: Sequence[Any]
    rest: Any = field(default_factory=dict)


def check_record_reader(make: Make, pages: Iterable[SamplePage], unreadable: Iterable[bytes] = ()) -> None:
    """``make``: makes a reader of the stream; called many times. ``unreadable``: bodies that are no page.

    Raises NotConforming.
    """
    pages = list(pages)
    require(any(page.records for page in pages), "no page of those that were given has a record")
    for page in pages:
        _gives_what_is_in_it(make(), page)
    _keeps_nothing_between_two_pages(make, pages)
    for body in unreadable:
        _refuses(make(), body)


def _gives_what_is_in_it(reader: BodyReader, page: SamplePage) -> None:
    found = _read(reader, page.body)
    count, wanted = len(found), len(page.records)
    require(count == wanted, f"of {wanted} records came {count}, from {_shown(page.body)}")
    for number, (text, record) in enumerate(zip(found, page.records, strict=True), 1):
        require(_equal(_decoded(text, number), record), f"record {number} is {_shown(text)}, and should be {record!r}")
    rest = reader.rest(page.body)
    require(_equal(rest, page.rest), f"the rest of the page is {rest!r}, and should be {page.rest!r}")
    try:
        json.dumps(rest, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise NotConforming(f"the rest of the page is nothing that JSON can say: {error}") from error


def _keeps_nothing_between_two_pages(make: Make, pages: Sequence[SamplePage]) -> None:
    one = make()
    for page in (*pages, *reversed(pages)):
        again, rest = (list(one.records(page.body)), one.rest(page.body))
        fresh = make()
        require(fresh.rest(page.body) == rest, f"the rest of a page depends on what was read before: {rest!r}")
        require(list(fresh.records(page.body)) == again, "the records of a page depend on what was read before")


def _refuses(reader: BodyReader, body: bytes) -> None:
    try:
        found = reader.records(body), reader.rest(body)
    except Exception:  # noqa: BLE001 - any says that it is no page
        return
    raise NotConforming(f"{_shown(body)} is no page, and is read as one of {len(found[0])} records")


def _read(reader: BodyReader, body: bytes) -> Sequence[bytes]:
    found: object = reader.records(body)
    require(isinstance(found, Sequence), f"records gave {type(found).__name__}, and no sequence")
    assert isinstance(found, Sequence)
    for record in found:
        require(isinstance(record, bytes), f"a record is {type(record).__name__}, and not bytes")
    return found


def _decoded(text: bytes, number: int) -> Any:
    try:
        return json.loads(text.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise NotConforming(f"record {number} is no JSON: {_shown(text)}: {error}") from error


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _equal(found: Any, wanted: Any) -> bool:
    """True is 1 to Python, and not to JSON."""
    return json.dumps(found, sort_keys=True, default=repr) == json.dumps(wanted, sort_keys=True, default=repr)


def _shown(text: bytes) -> str:
    return shown(text.decode(errors="replace"))
