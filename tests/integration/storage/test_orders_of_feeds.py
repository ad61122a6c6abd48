"""A feed that is not newest first is read whole each time, and no time stands for a place in it."""

from __future__ import annotations

import random

import pytest
from msgspec import structs

from datasync_spider.sources.spec import Order
from datasync_spider.storage.passdepth import read_pass_depth
from datasync_spider.storage.registry import StreamSpec
from tests.support.database import rows
from tests.support.headfeed import HeadFeed
from tests.support.pages import event, page
from tests.support.runs import open_test_run, run_writer
from tests.support.sources import stream_spec

ORDERS: tuple[Order, ...] = ("oldest-first", "none")


def in_order(order: Order) -> StreamSpec:
    return stream_spec("orders", order=order, is_incremental=False)


@pytest.mark.parametrize("order", ORDERS)
def test_no_other_order_lets_a_pass_end_at_known_ground(order: Order) -> None:
    with pytest.raises(ValueError, match="no pass of it can end at known ground"):
        stream_spec("orders", order=order)


@pytest.mark.parametrize("order", ORDERS)
def test_each_pass_is_full(database_url: str, order: Order) -> None:
    for number in (1, 2, 3):
        with run_writer(database_url, in_order(order)) as run:
            resume = run.run.resume
            assert (resume.pass_number, resume.pass_kind, resume.cursor) == (number, "full", None)
            assert run.write(page(1, ["a", f"b{number}"], ends_pass="last_page")).run_status == "complete"


def test_a_newest_first_stream_may_be_full_each_time_as_well(database_url: str) -> None:
    spec = stream_spec("orders", is_incremental=False)
    with run_writer(database_url, spec) as run:
        run.write(page(1, ["a"], ends_pass="last_page"))
    assert open_test_run(database_url, spec).resume.pass_kind == "full"


@pytest.mark.parametrize("order", ORDERS)
def test_no_time_stands_for_a_place_where_the_first_pages_happen_to_fall(database_url: str, order: Order) -> None:
    with run_writer(database_url, in_order(order)) as run:
        run.write(page(1, [event("a", 90_000), event("b", 90_000)]), page(2, [event("c", 70_000)]))
        assert read_pass_depth(run.connection, run.run.slice).oldest_ms is None
        assert read_pass_depth(run.connection, run.run.slice).newest_ms == 90


def test_watermarks_are_the_ends_of_a_feed_in_any_order(database_url: str) -> None:
    pages = [[("a", 10), ("b", 20), ("b2", 20)], [("c", 30), ("d", 40)], [("e", 15), ("f", 40)]]
    with run_writer(database_url, in_order("oldest-first")) as run:
        for number, layout in enumerate(pages, 1):
            run.write(page(number, [event(name, time) for name, time in layout]))
    marks = (
        "SELECT oldest_event_id, newest_event_id, (extract(epoch FROM oldest_occurred_at) * 1000000)::int,"
        " (extract(epoch FROM newest_occurred_at) * 1000000)::int FROM ingestion_state WHERE stream = 'orders'"
    )
    assert rows(database_url, marks) == [("a", "f", 10, 40)]


class TailFeed(HeadFeed):
    """New records come at the end, or anywhere."""

    def __init__(self, url: str, order: Order) -> None:
        super().__init__(url, "tail", limit=4)
        self.spec = structs.replace(self.spec, order=order, is_incremental=False)

    def grow(self, chance: random.Random) -> None:
        for _ in range(chance.randint(0, 9)):
            record = b"42" if chance.random() < 0.2 else self.named()
            place = len(self.records) if self.spec.order == "oldest-first" else chance.randint(0, len(self.records))
            self.records.insert(place, record)


@pytest.mark.parametrize("order", ORDERS)
def test_random_syncs_store_all_of_it(database_url: str, order: Order) -> None:
    chance = random.Random(7)
    feed = TailFeed(database_url, order)
    for _ in range(12):
        feed.grow(chance)
        if chance.random() < 0.4:
            newest = chance.randint(0, len(feed.records))
            feed.backfill(newest, chance.randint(newest, len(feed.records)), chance, trouble=0.1)
        while feed.sync(chance, trouble=0.0) != "complete":
            pass
        assert feed.stored() == feed.served_ids()
        assert feed.kept() == feed.served()
        assert feed.total_rejected() == feed.served().total()
