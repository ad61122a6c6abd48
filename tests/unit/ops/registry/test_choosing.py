"""Which streams and slices a person means: by name, by pattern, and what is said where nothing is meant."""

from __future__ import annotations

import re

import pytest

from datasync_spider.errors import ConfigurationError
from datasync_spider.ops.registry.choosing import Chosen, choose, choose_slices
from datasync_spider.storage.lines import SliceNames
from datasync_spider.storage.streams import StreamNames

A, B = '{"tenant":"a"}', '{"tenant":"b"}'
KNOWN = [
    StreamNames(1, "events", ("{}",)),
    StreamNames(2, "shop.orders", (A, B)),
    StreamNames(3, "shop.items", (A,)),
    StreamNames(4, "shop.empty", ()),
]


@pytest.mark.parametrize(
    ("stream", "slice_name", "meant"),
    [
        ("events", None, [(1, None)]),
        ("events", "{}", [(1, None)]),
        ("shop.*", None, [(2, None), (3, None), (4, None)]),
        ("*", A, [(2, (A,)), (3, (A,))]),
        ("shop.orders", '*"tenant":"?"*', [(2, (A, B))]),
        ("?vents", None, [(1, None)]),
    ],
)
def test_what_is_meant(stream: str, slice_name: str | None, meant: list[tuple[int, tuple[str, ...] | None]]) -> None:
    assert [(chosen.stream_id, chosen.slices) for chosen in choose(KNOWN, stream, slice_name)] == meant


@pytest.mark.parametrize(
    ("stream", "slice_name", "reported"),
    [
        ("shop.order", None, ("there is no stream shop.order: this database has: events, shop.orders, shop.items,"
                             " shop.empty (did you mean shop.orders?)")),
        ("shops.*", None, "no stream is like shops.*: this database has: events"),
        ("shop.items", B, (f"the stream shop.items has no slice {B}: it has {A} (did you mean {A}?); scrapy streams"
                          " list --stream shop.items lists them")),
        ("shop.empty", "*", "the stream shop.empty has no slice *: it has none yet"),
        ("e.ents", None, "there is no stream e.ents"),
    ],
)  # fmt: skip
def test_a_name_that_nothing_has_is_answered_with_what_there_is(
    stream: str, slice_name: str | None, reported: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        choose(KNOWN, stream, slice_name)
    assert str(caught.value).startswith(reported)


def test_what_is_meant_is_said_in_words() -> None:
    words = [str(chosen) for chosen in (Chosen(2, "shop.orders", None), Chosen(2, "shop.orders", (A,)))]
    assert words == ["stream shop.orders", f"stream shop.orders {A}"]
    many = Chosen(2, "shop.orders", (A, B))
    assert f"{many} {many.be}, {many.was}" == "2 slices of stream shop.orders are, were"


LINES = [
    SliceNames("datasync", "events", "{}"),
    SliceNames("shop", "shop.items", A),
    SliceNames("shop", "shop.orders", A),
    SliceNames("shop", "shop.orders", B),
]


@pytest.mark.parametrize(
    ("names", "meant"),
    [
        (["events"], [0]),
        (["datasync"], [0]),
        (["shop"], [1, 2, 3]),
        (["shop.orders"], [2, 3]),
        (["shop.orders", "shop", "shop.orders"], [1, 2, 3]),
        (['shop.orders {"tenant": "a"}'], [2]),
        (["*s *b*"], [3]),
        (["s* " + A], [1, 2]),
    ],
)
def test_lines_are_meant_by_names_of_sources_streams_and_slices(names: list[str], meant: list[int]) -> None:
    assert choose_slices(LINES, names) == [LINES[place] for place in meant]


@pytest.mark.parametrize(
    ("name", "reported"),
    [
        ("shap", "there is no source, stream or slice shap: there are datasync, shop, events, shop.items, shop.orders"),
        ("nothing*", "nothing is like nothing*: there are datasync"),
        ("shop.orders c", f"the stream shop.orders has no slice c: it has {A}, {B}"),
    ],
)
def test_a_name_that_no_line_has_is_answered_with_what_there_is(name: str, reported: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(reported)):
        choose_slices(LINES, ["shop", name])
