"""Record readers of the user's: found where the file says, and held to what they give."""

from __future__ import annotations

import sys
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest

from datasync_spider.errors import ConfigurationError, CursorExpired, PageUnreadable
from datasync_spider.records.recordreader import RecordReader
from datasync_spider.sources.spec import Stream
from tests.unit.records.shapedreaders import page, read, reader, reasons

SHAPE = {"shape": "python:their.readers:Theirs"}
END = {"end": ["no-next"], "total": "n"}


class Plain:
    """What its attributes say."""

    given: Any = (b'{"id":"a","n":1.10}', b' {"id":"b"} ')
    around: Any = None

    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    def records(self, body: bytes) -> Any:
        if isinstance(self.given, Exception):
            raise self.given
        return self.given

    def rest(self, body: bytes) -> Any:
        return self.around


@pytest.fixture
def theirs(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("their.readers")
    monkeypatch.setitem(sys.modules, "their", ModuleType("their"))
    monkeypatch.setitem(sys.modules, "their.readers", module)
    return module


def put(module: ModuleType, **attributes: Any) -> None:
    module.Theirs = type("Theirs", (Plain,), attributes)  # type: ignore[attr-defined] # made just now


def test_what_it_gives_is_stored_as_it_is_and_its_rest_is_what_the_page_says(theirs: ModuleType) -> None:
    put(theirs, around={"n": Decimal(2), "other": [1.5]})

    found = page(b"\xef\xbb\xbfwhatever", SHAPE, **END)

    assert found.total == 2
    assert list(map(bytes, found.parse().payloads)) == [b'{"id":"a","n":1.10}', b'{"id":"b"}']


def test_it_is_made_of_the_stream_and_given_the_body(theirs: ModuleType) -> None:
    seen: list[Any] = []

    class Noting(Plain):
        def records(self, body: bytes) -> Any:
            seen.append((self.stream.name, body))
            return []

    theirs.Theirs = Noting  # type: ignore[attr-defined] # made just now
    assert page(b"\xef\xbb\xbfx,y", SHAPE, end=["no-next"]).raw_events == []
    assert seen == [("issues", b"x,y")]


def test_what_is_no_record_is_a_dead_letter_and_joins_no_other_one(theirs: ModuleType) -> None:
    put(theirs, given=[b'{"id":"a"', b'"n":1}', b'{"id":"b"},{"id":"c"}', b"", b"[1]", b"\xff", b'{"id":"d"}'])

    records, rejected = read(b"", reader(SHAPE))

    assert list(records) == ["d"]
    assert [(one.position, one.reason) for one in rejected] == [
        (0, "malformed_json"),
        (1, "malformed_json"),
        (2, "malformed_json"),
        (3, "malformed_json"),
        (4, "not_an_object"),
        (5, "invalid_utf8"),
    ]
    again = reader(SHAPE)
    assert reasons(again.parse([again.kept(one.raw, one.reason) for one in rejected]).rejected) == [
        (place, one.reason, one.raw) for place, one in enumerate(rejected)
    ]


@pytest.mark.parametrize(
    ("attributes", "detail"),
    [
        ({"given": KeyError("secret")}, "records raised KeyError"),
        ({"given": None}, "records gave no sequence of bytes"),
        ({"given": ["text"]}, "records gave no sequence of bytes"),
        ({"given": iter([b"{}"])}, "records gave no sequence of bytes"),
        ({"around": {"n": object()}}, "rest raised TypeError"),
    ],
)
def test_whatever_else_it_does_is_a_page_that_is_none(
    theirs: ModuleType, attributes: dict[str, Any], detail: str
) -> None:
    put(theirs, **attributes)
    with pytest.raises(PageUnreadable) as caught:
        page(b"", SHAPE)
    assert (caught.value.reason, caught.value.detail) == ("record_reader_failed", detail)


def test_an_error_of_ours_that_it_raises_is_what_it_is(theirs: ModuleType) -> None:
    put(theirs, given=CursorExpired("gone"))
    with pytest.raises(CursorExpired):
        page(b"", SHAPE)


@pytest.mark.parametrize("records", [{"shape": "python:their.readers:Nothing"}, {"shape": "python:nowhere.at:All"}])
def test_a_class_that_is_not_there_is_a_mistake_of_configuration(theirs: ModuleType, records: Any) -> None:
    with pytest.raises(ConfigurationError, match="python:"):
        reader(records)


def test_a_class_without_the_methods_is_one_too(theirs: ModuleType) -> None:
    theirs.Theirs = type("Theirs", (), {"__init__": lambda self, stream: None})  # type: ignore[attr-defined]
    with pytest.raises(ConfigurationError, match="no method records and rest: write what docs/sources"):
        reader(SHAPE)


def test_two_readers_of_one_stream_are_equal(theirs: ModuleType) -> None:
    put(theirs)
    one, other = reader(SHAPE), reader(SHAPE)
    assert isinstance(one, RecordReader)
    assert one == other
