"""The kit for record readers finds each way in which one can be broken, and says what broke."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import Any

import pytest

from datasync_spider.testing.recordreaders import NotConforming, SamplePage, check_record_reader

PAGES = [SamplePage(b"a=1;b=2|n=3", [{"a": 1}, {"b": 2}], {"n": 3}), SamplePage(b"|n=0", [], {"n": 0})]
_COUNTER = itertools.count()


class Good:
    """Pairs and semicolons, then a bar and a number."""

    def records(self, body: bytes) -> Sequence[bytes]:
        pairs = [pair.split("=") for pair in body.decode().split("|")[0].split(";") if pair]
        return [json.dumps({name: int(number)}).encode() for name, number in pairs]

    def rest(self, body: bytes) -> Any:
        return {"n": int(body.decode().split("|")[1].removeprefix("n="))}


class Doubles(Good):
    def records(self, body: bytes) -> Sequence[bytes]:
        return [*super().records(body), *super().records(body)]


class Reverses(Good):
    def records(self, body: bytes) -> Sequence[bytes]:
        return super().records(body)[::-1]


class GivesTexts(Good):
    def records(self, body: bytes) -> Any:
        return [record.decode() for record in super().records(body)]


class GivesAnIterator(Good):
    def records(self, body: bytes) -> Any:
        return iter(super().records(body))


class GivesNoJson(Good):
    def records(self, body: bytes) -> Any:
        return [b"{'a': 1}" for _ in super().records(body)]


class GivesTrueForOne(Good):
    def records(self, body: bytes) -> Any:
        return [record.replace(b"1", b"true") for record in super().records(body)]


class Counts(Good):
    def rest(self, body: bytes) -> Any:
        next(_COUNTER)
        return super().rest(body)

    def records(self, body: bytes) -> Any:
        records = super().records(body)
        return records if next(_COUNTER) < 6 else records[1:]


class ForgetsTheRest(Good):
    def rest(self, body: bytes) -> Any:
        return {}


class GivesARestThatIsNoJson(Good):
    def rest(self, body: bytes) -> Any:
        return {"n": {1}}


@pytest.mark.parametrize(
    ("kind", "reported"),
    [
        (Doubles, "of 2 records came 4, from 'a=1;b=2|n=3'"),
        (Reverses, "record 1 is "),
        (GivesTexts, "a record is str, and not bytes"),
        (GivesAnIterator, "and no sequence"),
        (GivesNoJson, "record 1 is no JSON"),
        (GivesTrueForOne, "record 1 is "),
        (Counts, "depend on what was read before"),
        (ForgetsTheRest, "the rest of the page is {}, and should be {'n': 3}"),
        (GivesARestThatIsNoJson, "the rest of the page is {'n': {1}}"),
    ],
)
def test_what_is_broken_is_found_and_said(kind: type[Good], reported: str) -> None:
    with pytest.raises(NotConforming) as caught:
        check_record_reader(kind, PAGES)
    assert reported in str(caught.value)


def test_a_good_one_passes_and_refuses_what_is_no_page() -> None:
    check_record_reader(Good, PAGES, unreadable=[b"", b"a=x|n=1"])
    with pytest.raises(NotConforming, match="is no page, and is read as one of 1 records"):
        check_record_reader(Good, PAGES, unreadable=[b"a=1|n=1"])


def test_pages_without_a_record_prove_nothing() -> None:
    with pytest.raises(NotConforming, match="no page of those that were given has a record"):
        check_record_reader(Good, PAGES[1:])
