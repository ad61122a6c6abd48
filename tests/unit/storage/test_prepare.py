from datasync_spider.storage.batch import Batch
from datasync_spider.storage.prepare import Preparer
from tests.support.pages import event, page


def test_an_id_that_comes_twice_in_a_page_is_written_once_and_the_first_wins() -> None:
    prepared = Preparer().prepare(page(1, [event("a", payload=b"1"), event("a", payload=b"2"), event("b")]))
    assert (prepared.rows[0].event_id, prepared.rows[0].payload) == ("a", b"1")
    assert len(prepared.rows) == 2
    assert prepared.duplicates == 1


def test_an_id_that_an_earlier_page_has_in_flight_is_left_out() -> None:
    preparer = Preparer()
    preparer.prepare(page(1, ["a", "b"]))
    second = preparer.prepare(page(2, ["b", "c"]))
    assert [row.event_id for row in second.rows] == ["c"]
    assert second.duplicates == 1


def test_an_id_whose_batch_is_committed_is_left_to_the_database() -> None:
    preparer = Preparer()
    first = preparer.prepare(page(1, ["a"]))
    preparer.forget(Batch(1, [first]))
    assert [row.event_id for row in preparer.prepare(page(2, ["a"])).rows] == ["a"]


def test_what_an_item_pipeline_left_out_counts_as_filtered() -> None:
    item = page(1, ["a", "b", "c"])
    item.events = list(item.events)[:1]
    assert Preparer().prepare(item).filtered == 2


def test_watermarks_are_the_newest_and_the_oldest_event_with_a_time() -> None:
    prepared = Preparer().prepare(page(1, [event("b", 30), event("a", 30), event("c", 10), event("d", None)]))
    assert prepared.newest is not None
    assert prepared.oldest is not None
    assert (prepared.newest.occurred_at_us, prepared.newest.event_id) == (30, "b")
    assert (prepared.oldest.occurred_at_us, prepared.oldest.event_id) == (10, "c")


def test_a_feed_is_in_order_while_times_fall_within_and_across_pages() -> None:
    preparer = Preparer()
    assert preparer.prepare(page(1, [event("a", 30), event("b", 20)])).in_order
    assert preparer.prepare(page(2, [event("c", 20), event("d", 10)])).in_order
    assert not preparer.prepare(page(3, [event("e", 15)])).in_order


def test_an_event_without_a_time_breaks_the_order_because_nothing_proves_it() -> None:
    assert not Preparer().prepare(page(1, [event("a", 30), event("b", None)])).in_order


def test_a_new_walk_starts_a_new_order() -> None:
    preparer = Preparer()
    preparer.prepare(page(1, [event("a", 10)]))
    assert preparer.prepare(page(2, [event("b", 99)], walk=2)).in_order
