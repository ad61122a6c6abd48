"""Which streams and slices a person means: by name, by pattern, and what is said where nothing is meant."""

from __future__ import annotations

import pytest

from datasync_spider.errors import ConfigurationError
from datasync_spider.ops.registry.choosing import Chosen, choose
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
