"""Ids, times and the order of records are found by what they are, and by name where that leaves a choice."""

from __future__ import annotations

from typing import Any

import pytest

from datasync_spider.ops.discovery.url.fields import find_identity, find_times
from datasync_spider.ops.discovery.url.layout import find_layouts
from tests.support.unknownapis import records


def _ids(rows: list[dict[str, Any]]) -> tuple[str, list[str]]:
    found = find_identity([rows[: len(rows) // 2], rows[len(rows) // 2 :]])
    return found.kind, [str(path) for path in found.paths]


@pytest.mark.parametrize(
    ("row", "right"),
    [
        (lambda n: {"n": n, "id": f"x{n}"}, ("any", ["id"])),
        (lambda n: {"url": f"https://a/{n}", "uuid": f"{n:032x}"}, ("any", ["uuid"])),
        (lambda n: {"user": {"id": 100 + n}, "event_id": n}, ("any", ["event_id"])),
        (lambda n: {"user": {"id": n % 2}, "number": n}, ("any", ["number"])),
        (lambda n: {"attributes": {"id": n}, "type": "x"}, ("any", ["attributes.id"])),
        (lambda n: {"id": None, "sha": f"{n:040x}"}, ("any", ["sha"])),
        (lambda n: {"id": n % 2, "ok": True, "account": n // 2}, ("all", ["id", "account"])),
        (lambda n: {"id": n % 5, "kind": "a"}, ("hash", [])),
        (lambda n: {"id": 1.5 + n, "key": f"k{n}"}, ("any", ["key"])),
        (lambda n: {"created_at": f"2024-01-01T00:00:{n:02}Z", "code": f"c{n}"}, ("any", ["code"])),
    ],
)
def test_the_id_is_in_all_records_unique_and_a_scalar(row: Any, right: tuple[str, list[str]]) -> None:
    assert _ids([row(n) for n in range(10)]) == right


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (lambda n: f"2024-01-01T00:00:{n:02}Z", "auto"),
        (lambda n: 1704067200 + n, "auto"),
        (lambda n: str(1704067200000 + n), "auto"),
        (lambda n: f"Mon, 01 Jan 2024 00:00:{n:02} GMT", "rfc2822"),
        (lambda n: f"2024-01-{n + 1:02}", "%Y-%m-%d"),
        (lambda n: f"202401010000{n:02}", "%Y%m%d%H%M%S"),
        (lambda n: f"{n + 13}/01/2024 10:00", "%d/%m/%Y %H:%M"),
    ],
)
def test_a_time_is_what_reads_as_one_in_a_form_that_a_file_can_name(value: Any, form: str) -> None:
    found = find_times([[{"id": n, "created": value(n)} for n in range(10)]])
    assert [(str(one.path), one.format) for one in found] == [("created", form)]
    assert found[0].order == "oldest-first"


def test_a_number_is_no_time_because_it_could_be_one() -> None:
    assert not find_times([[{"id": 1704067200 + n, "amount": 1704067200} for n in range(10)]])


def test_of_several_times_the_one_by_which_the_records_come_is_first() -> None:
    rows = [
        {"id": n, "created_at": f"2024-01-0{1 + n * 7 % 9}T00:00:00Z", "modified": 1704067200 - n} for n in range(9)
    ]
    found = find_times([rows])
    assert [(str(one.path), one.order) for one in found] == [("modified", "newest-first"), ("created_at", "none")]


@pytest.mark.parametrize(
    ("times", "order", "is_sure"),
    [
        ([1, 2, 3, 4, 5, 6], "oldest-first", True),
        ([6, 6, 5, 4, 4, 3, 2], "newest-first", True),
        ([3, 2, 1], "newest-first", False),
        ([1, 1, 1, 1, 1, 1], None, False),
        ([1, 2, 3, 2, 4, 5, 6], "none", True),
    ],
)
def test_an_order_needs_enough_times_that_all_agree(times: list[int], order: str | None, is_sure: bool) -> None:
    found = find_times([[{"id": n, "at": 1704067200 + time} for n, time in enumerate(times)]])[0]
    assert (found.order, found.is_sure) == (order, is_sure)


ROWS = records(6)


@pytest.mark.parametrize(
    ("body", "path", "shape"),
    [
        (ROWS, "@", "list"),
        ({"data": {"items": ROWS}, "links": {}}, "data.items", "list"),
        ({"things": ROWS[:3], "users": [{"id": n} for n in range(50)]}, "things", "list"),
        ({row["id"]: row for row in ROWS}, "@", "map"),
        ({"response": {"by_id": {row["id"]: row for row in ROWS}}}, "response.by_id", "map"),
        ({"edges": [{"node": row, "cursor": "x"} for row in ROWS]}, "edges", "wrapped:node"),
        ({"columns": ["id", "kind"], "rows": [["a", 1], ["b", 2]]}, "rows", "columns:columns"),
        ({"meta": {"names": ["id", "n"]}, "values": [["a", 1], ["b", 2]]}, "values", "columns:meta.names"),
        ({"errors": [{"id": 1}], "data": [{"id": 2}]}, "data", "list"),
        (["a", "b", "c"], "@", "scalars"),
        ({"warnings": [{"id": 1}, {"id": 2}, {"id": 3}], "values": ROWS[:1]}, "values", "list"),
    ],
)
def test_the_records_are_found_in_their_shape(body: Any, path: str, shape: str) -> None:
    found = find_layouts(body, "things")[0]
    assert (str(found.path), found.shape) == (path, shape)
    assert found.read(body) == found.records


@pytest.mark.parametrize("body", [{"error": "no"}, [], {"data": []}, "text", None, {"a": {"b": 1}}, [[1, 2], [3]]])
def test_what_holds_no_records_has_none(body: Any) -> None:
    assert not find_layouts(body)
