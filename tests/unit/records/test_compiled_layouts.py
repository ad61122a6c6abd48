"""The compiled reading of pages of any layout, against the standard library's reading of the same bytes."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from datasync_spider.records import compiled
from tests.support.compiling import needs_compiled
from tests.unit.records import layoutoracle as oracle
from tests.unit.records.rawlayouts import LAYOUTS, Layout, Writer
from tests.unit.records.rawpages import damaged

pytestmark = needs_compiled

_PAGES = 1_000


def assert_true_of_page(layout: Layout, text: bytes, seen: Counter[str]) -> None:
    """What was taken is what the standard library finds, and what is plain was taken."""
    found = compiled.Scanner(layout.records, layout.ids, layout.times).split(text)
    if found is None:
        seen["left"] += 1
        assert not must_be_taken(layout, text), text
        return
    seen["taken"] += 1
    records, start, end = found
    (array,) = oracle.arrays(oracle.parse(text), layout)
    assert oracle.parse(text[start:end]) == array
    assert [oracle.parse(record) for record in records] == array
    ids, times_us, fallbacks = records.columns()
    assert (fallbacks, records.fallbacks()) == (ids.count(None), ids.count(None))
    for written, value, id_, time_us in zip(records, array, ids, times_us, strict=True):
        expected_id, expected_time = oracle.known(layout, value)
        if id_ is None:
            seen["in doubt"] += 1
            is_plain = oracle.is_plain_id(expected_id) and oracle.is_plain_time(expected_time)
            assert not is_plain or b"\\" in written, written
            continue
        seen["known"] += 1
        assert type(expected_id) in {str, int}
        assert id_ == str(expected_id)
        assert time_us == (None if expected_time is None else oracle.time_us(expected_time))


def must_be_taken(layout: Layout, text: bytes) -> bool:
    if b"\\" in text or b"[" * 400 in text:
        return False
    try:
        body = oracle.parse(text)
    except ValueError:
        return False
    return oracle.is_straight(body, layout) and len(oracle.arrays(body, layout)) == 1


@pytest.mark.parametrize("number", range(len(LAYOUTS)))
def test_thousands_of_pages_of_a_layout_hold_what_the_standard_library_finds(number: int) -> None:
    layout, pick = LAYOUTS[number], random.Random(number)
    writer, seen = Writer(layout, pick), Counter[str]()
    for _ in range(_PAGES):
        text = writer.page()
        assert_true_of_page(layout, text, seen)
        assert_true_of_page(layout, damaged(pick.choice, text), seen)
    # Far from nothing of each: else this would prove little.
    assert min(seen["taken"], seen["left"], seen["known"], seen["in doubt"]) > _PAGES / 10, seen


def columns(layout: Layout, text: str) -> tuple[list[str | None], list[int | None]] | None:
    found = compiled.Scanner(layout.records, layout.ids, layout.times).split(text.encode())
    return None if found is None else found[0].columns()[:2]


ROOT = Layout(records=((),), ids=(("a", "id"), ("id",)), times=(("a", "t"),))


@pytest.mark.parametrize(
    ("record", "id_", "time_us"),
    [
        ('{"a":{"id":1}}', "1", None),
        ('{"a":{"id":1},"id":2}', "1", None),
        ('{"id":2,"a":{"id":null}}', "2", None),
        ('{"id":2,"a":{}}', "2", None),
        ('{"id":2,"a":null}', "2", None),
        ('{"id":2,"a":7}', "2", None),
        ('{"id":2,"a":"id"}', "2", None),
        ('{"id":2,"a":[{"id":1}]}', "2", None),
        ('{"id":2,"a":{"b":{"id":1}}}', "2", None),
        ('{"a":{"id":1},"a":{},"id":2}', "2", None),
        ('{"a":{"id":1},"id":2,"a":null}', "2", None),
        ('{"a":{"id":1},"a":{"id":3}}', "3", None),
        ('{"a":{"id":1,"t":1769541612},"a":{"id":3}}', "3", None),
        ('{"a":{"t":1769541612},"a":{"id":3}}', "3", None),
        ('{"a":{"id":1},"a":{"t":1769541612},"id":2}', "2", 1769541612000000),
        ('{"a":{"id":1,"id":3}}', "3", None),
        ('{"a":{"id":{},"id":3}}', "3", None),
        ('{"a":{"id":1},"b":{"a":{"id":9}}}', "1", None),
        ('{"a":{"x":{"id\\u0031":1},"id":5}}', "5", None),
        ('{"a":{"id":{}}}', None, None),
        ('{"a":{"id":[]},"id":2}', None, None),
        ('{"a":{"id":1,"i\\u0064":2}}', None, None),
        ('{"\\u0061":{"id":1},"id":2}', None, None),
        ('{"a":{"id":1},"a":{"\\u0069d":2},"id":2}', None, None),
        ('{"a":{},"a":{}}', None, None),
    ],
)
def test_of_a_name_that_comes_again_the_last_value_counts_at_each_level(
    record: str, id_: str | None, time_us: int | None
) -> None:
    usual = '{"id":"x"}'
    assert columns(ROOT, f"[{usual},{record},{usual}]") == (["x", id_, "x"], [None, time_us, None])


NESTED = Layout(records=(("data", "items"), ("data", "more", "items"), ("list",)), ids=(("id",),), times=())


@pytest.mark.parametrize(
    "page",
    [
        '{"data":{"items":[{"id":1}]}}',
        '{"data":{"more":{"items":[{"id":1}]},"x":[{"id":9}]}}',
        '{"list":[{"id":1}],"data":{}}',
        '{"items":[7],"data":{"list":[7],"items":[{"id":1}],"next":null},"more":{"items":[7]}}',
        ' {"data" : {"more" : {} , "items" : [ {"id" : 1} ] } } ',
        '{"x":{"data":{"items":[7]}},"list":[{"id":1}]}',
        '{"x":1,"x":{"\\n":1},"list":[{"id":1}]}',
    ],
)
def test_the_one_array_to_which_a_path_leads_holds_the_records(page: str) -> None:
    assert columns(NESTED, page) == (["1"], [None])


@pytest.mark.parametrize(
    "page",
    [
        *("[]", "{}", '{"data":{}}', '{"data":[{"id":1}]}', '{"items":[{"id":1}]}', '{"data":{"more":{}}}'),
        '{"data":{"items":[{"id":1}]},"list":[]}',
        '{"list":[],"data":{"items":[{"id":1}]}}',
        '{"data":{"items":[{"id":1}],"items":[]}}',
        '{"data":{"items":[{"id":1}],"items":null}}',
        '{"data":{"items":[{"id":1}]},"data":{}}',
        '{"data":{},"data":{"items":[{"id":1}]}}',
        '{"data":{"items":[{"id":1}]},"data":null}',
        '{"data":null,"list":[{"id":1}]}',
        '{"data":7,"list":[{"id":1}]}',
        '{"data":{"more":null,"items":[{"id":1}]}}',
        '{"data":{"more":[],"items":[{"id":1}]}}',
        '{"data":{"items":null,"more":{"items":[{"id":1}]}}}',
        '{"data":{"items":{},"more":{"items":[{"id":1}]}}}',
        '{"d\\u0061ta":{},"list":[{"id":1}]}',
        '{"data":{"\\u0069tems":[]},"list":[{"id":1}]}',
        '{"data":{"\\n":1,"items":[{"id":1}]}}',
        '{"data":{"items":[{"id":1}]}]}',
        '{"data":{"items":[{"id":1}]}',
        '{"data":{"items":[{"id":1}],},"x":1}',
        '{"data":{"items":[{"id":1}]},}',
        '{"data":{,"items":[{"id":1}]}}',
    ],
)
def test_a_page_in_which_anything_on_the_way_is_not_plain_is_left(page: str) -> None:
    assert columns(NESTED, page) is None


def test_a_list_may_be_the_body_itself_or_stand_in_it() -> None:
    either = Layout(records=((), ("data",), ("data", "items")), ids=(("id",),), times=())
    for page in ('[{"id":1}]', ' [ {"id":1} ] ', '{"data":[{"id":1}]}', '{"data":{"items":[{"id":1}]}}'):
        assert columns(either, page) == (["1"], [None])
    for page in ('{"data":{"items":[]},"data":[]}', '{"data":[],"data":{"items":[]}}', "[],[]", "[]x", "[", "7", "{}"):
        assert columns(either, page) is None


def test_a_deep_place_of_records_takes_nothing_from_the_depth_of_a_record() -> None:
    deep = Layout(records=(("a",) * 8,), ids=(("a",) * 8,), times=())
    for levels, is_taken in ((500, True), (511, True), (512, False)):
        record = '{"a":' * 8 + '"id"' + "}" * 7 + ',"x":' + "[" * levels + "]" * levels + "}"
        page = '{"a":' * 8 + f"[{record}]" + "}" * 8
        assert columns(deep, page) == ((["id"], [None]) if is_taken else None)


@pytest.mark.parametrize("text", ['[{"id":1,"a":{"x":DEEP}}]', '{"data":{"items":[{"id":1}],"x":DEEP}}'])
def test_what_lies_beside_a_place_is_as_deep_as_its_level_makes_it(text: str) -> None:
    layout = Layout(records=((), ("data", "items")), ids=(("a", "id"), ("id",)), times=())
    for levels, expected in ((510, (["1"], [None])), (511, None)):
        assert columns(layout, text.replace("DEEP", "[" * levels + "]" * levels)) == expected


def test_a_name_is_met_by_its_bytes_and_only_whole() -> None:
    names = ["x" * length for length in (*range(1, 20), 63, 64, 65, 66, 128, 254, 255)]
    for name in names:
        layout = Layout(records=((),), ids=((name,), ("id",)), times=())
        for other in (
            *names,
            name[:-1] + "y",
            "y" + name[1:],
            name[: len(name) // 2] + "y" + name[len(name) // 2 + 1 :],
        ):
            assert columns(layout, f'[{{"{other}":1,"id":2}}]') == (["1" if other == name else "2"], [None])


def test_a_name_that_json_writes_with_an_escape_is_left_to_python() -> None:
    for name in ('"', "\\", "\n", "\\u0069d"):
        layout = Layout(records=((),), ids=((name,), ("id",)), times=())
        key = name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        assert columns(layout, f'[{{"{key}":1,"id":2}}]') == ([None], [None])
        assert columns(layout, '[{"id":2}]') == (["2"], [None])
        assert columns(layout, '[{"\\u0069d":2}]') == ([None], [None])


def test_all_that_is_within_the_bounds_can_be_made_and_nothing_else() -> None:
    most = [[f"{number}{step}".ljust(255, "x") for step in range(8)] for number in range(8)]
    scanner = compiled.Scanner(records=most, ids=most, times=most)
    record = "1"
    for name in reversed(most[7]):
        record = f'{{"{name}":{record}}}'
    page = f"[{record}]"
    for name in reversed(most[7]):
        page = f'{{"{name}":{page}}}'
    found = scanner.split(page.encode())
    assert found is not None
    # Its time is the same number, and too small a one.
    assert found[0].columns() == ([None], [None], 1)
    found = compiled.Scanner(records=most, ids=most, times=[]).split(page.encode())
    assert found is not None
    assert found[0].columns() == (["1"], [None], 0)
    usual = [["a"]]
    wrong: Any
    for wrong in ([*most, ["a"]], [["a"] * 9], [["x" * 256]], [["é" * 128]], [[""]], [["a", ""]], [["\ud800"]]):
        for places in ((wrong, usual, usual), (usual, wrong, usual), (usual, usual, wrong)):
            with pytest.raises(ValueError, match=r"up to|surrogates"):
                compiled.Scanner(*places)
    for places in (([], usual, usual), (usual, [], usual)):
        with pytest.raises(ValueError, match="need a path each"):
            compiled.Scanner(*places)
    for places in ((usual, [[]], usual), (usual, usual, [[]])):
        with pytest.raises(ValueError, match="1 to 255 bytes"):
            compiled.Scanner(*places)


def test_what_are_no_sequences_of_names_is_an_error() -> None:
    usual = [["a"]]
    wrong: Any
    for wrong in ("a", ["a"], [b"a"], [[b"a"]], [[7]], 7, None, [None], {"a": "b"}, [{"a"}], (name for name in "a")):
        for places in ((wrong, usual, usual), (usual, wrong, usual), (usual, usual, wrong)):
            with pytest.raises(TypeError, match="must be"):
                compiled.Scanner(*places)
    make: Any = compiled.Scanner
    for arguments in ((), (usual,), (usual, usual), (usual, usual, usual, usual)):
        with pytest.raises(TypeError):
            make(*arguments)
    with pytest.raises(TypeError):
        type("Heir", (make,), {})


def test_a_scanner_holds_on_to_nothing_that_it_was_made_of() -> None:
    names = [["da"], ["ta"]]
    scanner = compiled.Scanner(names, [["id"]], ())
    names[1][0] = "other"
    names.clear()
    assert scanner.split(b'{"ta":[{"id":1}]}') is not None
    assert scanner.split(b'{"other":[{"id":1}]}') is None
