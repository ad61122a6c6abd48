"""Bodies of one JSON value a line: what ends one, what is cut, and what a bad line costs."""

from __future__ import annotations

import pytest

from datasync_spider.errors import PageUnreadable
from datasync_spider.records.page import Asked, PageReader
from datasync_spider.sources.paginators.choose import paginator
from tests.unit.records.shapedreaders import lines, read, reasons
from tests.unit.sources.streams import stream


@pytest.mark.parametrize(
    "body",
    [
        b'{"id":"a","n":1.0}\n{"id":"b"}\n',
        b'{"id":"a","n":1.0}\n{"id":"b"}',
        b'{"id":"a","n":1.0}\r\n{"id":"b"}\r\n',
        b'\n\n {"id":"a","n":1.0}\t\n \r\n{"id":"b"}\n\n',
    ],
)
def test_lines_end_in_any_way_and_blank_ones_are_none(body: bytes) -> None:
    assert read(body, lines()) == ({"a": b'{"id":"a","n":1.0}', "b": b'{"id":"b"}'}, [])


@pytest.mark.parametrize("body", [b"", b"\n", b" \r\n\n"])
def test_an_empty_body_is_no_record(body: bytes) -> None:
    assert lines().split(body) == ([], b"{}")


LAST = [b'{"id":"b","n":[1,{"x":"y\\"z"}]}', b'"text"', b"true", b"null", b"[1,2]", b"-1.5e3"]


@pytest.mark.parametrize("last", LAST)
@pytest.mark.parametrize("newline", [b"", b"\n"])
def test_a_cut_line_is_truncated(last: bytes, newline: bytes) -> None:
    for length in range(1, len(last)):
        cut = last[:length]
        if last == b"-1.5e3" and cut[-1:].isdigit():
            continue  # a number, too, and no one could distinguish
        with pytest.raises(PageUnreadable) as caught:
            lines().split(b'{"id":"a"}\n' + cut + newline)
        assert caught.value.reason == "truncated_json"
    assert len(lines().split(b'{"id":"a"}\n' + last + newline)[0] or []) == 2


def test_a_line_that_is_no_json_costs_no_other_one_and_two_values_in_one_are_none() -> None:
    body = b'{"id":"a"}\n{"id":"b"} {"id":"c"}\n{"id":"d"},{"id":"e"}\n{"id":\n"f"}\nnope\n{"id":"g"}\n'

    records, rejected = read(body, lines())

    assert list(records) == ["a", "g"]
    assert reasons(rejected) == [
        (1, "malformed_json", b'{"id":"b"} {"id":"c"}'),
        (2, "malformed_json", b'{"id":"d"},{"id":"e"}'),
        (3, "malformed_json", b'{"id":'),
        (4, "malformed_json", b'"f"}'),
        (5, "malformed_json", b"nope"),
    ]


def test_lines_that_make_an_object_together_are_none_even_beside_one_that_holds_two() -> None:
    records, rejected = read(b'{"id":"a"\n"n":1}\n{"id":"b"},{"id":"c"}\n{"id":"d"}', lines())

    assert list(records) == ["d"]
    assert len(rejected) == 3


def test_lines_may_wrap_records_or_be_bare() -> None:
    wrapped = lines({"shape": "wrapped:data"})
    assert read(b'{"data":{"id":"a"}}\n{"type":"end"}\nnope\n{"data":{"id":"b"}}\n', wrapped)[0].keys() == {"a", "b"}
    assert read(b'"a"\n7\n', lines({"shape": "scalars"}, id="value"))[0].keys() == {"a", "7"}


def test_a_page_of_lines_goes_on_by_a_header_and_may_be_short() -> None:
    made = stream("records", "@", format="ndjson", next={"from": "header:x-next", "to": "query:c"}, end=["no-next"])
    pages = PageReader(made, paginator(made.next))
    asked = Asked("https://api.example.com/issues", None, 50)

    found = pages.read(b'\xef\xbb\xbf{"id":"a"}\n', {"x-next": ["token"]}, asked)
    last = pages.read(b"", {}, asked)

    assert (found.next_cursor, found.parse().event_ids) == ("token", ["a"])
    assert (last.has_more, len(last.raw_events)) == (False, 0)
