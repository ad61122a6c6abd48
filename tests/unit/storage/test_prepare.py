import queue
import threading
from collections import Counter

from datasync_spider.storage.batch import Batch, PreparedPage
from datasync_spider.storage.prepare import Preparer
from tests.support.pages import event, page


def test_an_id_that_comes_twice_in_a_page_is_written_once_and_the_first_wins() -> None:
    prepared = Preparer().prepare(page(1, [event("a", payload=b"1"), event("a", payload=b"2"), event("b")]))
    assert (prepared.rows[0].event_id, prepared.rows[0].payload) == ("a", b"1")
    assert len(prepared.rows) == 2
    assert prepared.counts.duplicates == 1


def test_an_id_that_an_earlier_page_has_in_flight_is_left_out() -> None:
    preparer = Preparer()
    preparer.prepare(page(1, ["a", "b"]))
    second = preparer.prepare(page(2, ["b", "c"]))
    assert [row.event_id for row in second.rows] == ["c"]
    assert second.counts.duplicates == 1


def test_an_id_whose_batch_is_committed_is_left_to_the_database() -> None:
    preparer = Preparer()
    first = preparer.prepare(page(1, ["a"]))
    preparer.forget(Batch(1, [first]))
    assert [row.event_id for row in preparer.prepare(page(2, ["a"])).rows] == ["a"]


def test_what_an_item_pipeline_left_out_counts_as_filtered() -> None:
    item = page(1, ["a", "b", "c"])
    item.events = list(item.events)[:1]
    assert Preparer().prepare(item).counts.filtered == 2


def test_watermarks_are_the_newest_and_the_oldest_event_with_a_time() -> None:
    prepared = Preparer().prepare(page(1, [event("b", 30), event("a", 30), event("c", 10), event("d", None)]))
    assert prepared.newest == (30, "b")
    assert prepared.oldest == (10, "c")


def test_a_feed_is_in_order_while_times_fall_within_and_across_pages() -> None:
    preparer = Preparer()
    assert preparer.prepare(page(1, [event("a", 30), event("b", 20)])).in_order
    assert preparer.prepare(page(2, [event("c", 20), event("d", 10)])).in_order
    assert not preparer.prepare(page(3, [event("e", 15)])).in_order


def test_an_event_without_a_time_breaks_the_order_because_nothing_proves_it() -> None:
    assert not Preparer().prepare(page(1, [event("a", 30), event("b", None)])).in_order


def test_a_new_chain_starts_a_new_order() -> None:
    preparer = Preparer()
    preparer.prepare(page(1, [event("a", 10)]))
    assert preparer.prepare(page(2, [event("b", 99)], chain=2)).in_order


def test_an_id_in_flight_with_other_content_is_put_aside_and_its_page_goes_on() -> None:
    preparer = Preparer()
    preparer.prepare(page(1, [event("a", payload=b"1"), event("b", payload=b"1")]))
    second = preparer.prepare(page(2, [event("a", payload=b"2"), event("b", payload=b"1"), event("c", payload=b"1")]))
    assert [(variant.event_id, variant.payload) for variant in second.versions] == [("a", b"2")]
    assert [row.event_id for row in second.rows] == ["c"]


def test_an_id_whose_other_version_is_in_flight_becomes_no_row_of_a_later_page_though_its_first_one_is_committed() -> (
    None
):
    preparer = Preparer()
    first = preparer.prepare(page(1, [event("a", payload=b"1")]))
    second = preparer.prepare(page(2, [event("a", payload=b"2"), event("b")]))
    preparer.forget(Batch(1, [first]))
    # The second page's batch resolves which version is stored; only after that a row may be compared with it.
    third = preparer.prepare(page(3, [event("a", payload=b"2"), event("c")]))
    fourth = preparer.prepare(page(4, [event("a", payload=b"1"), event("c")]))
    assert [(row.event_id, len(third.versions)) for row in third.rows] == [("c", 0)]
    assert ([variant.payload for variant in fourth.versions], len(fourth.rows)) == ([b"1"], 0)
    preparer.forget(Batch(2, [second, third]))
    assert len(preparer.prepare(page(5, [event("a", payload=b"1")])).rows) == 0
    preparer.forget(Batch(3, [fourth]))
    assert [row.event_id for row in preparer.prepare(page(6, ["a", "b", "c"])).rows] == ["a", "b", "c"]


def test_two_events_of_one_id_that_share_their_payload_are_one_row() -> None:
    payload = b"shared"
    prepared = Preparer().prepare(page(1, [event("a", payload=payload), event("a", payload=payload)]))
    assert (len(prepared.rows), prepared.counts.duplicates, prepared.versions) == (1, 1, [])


def test_ids_are_in_flight_while_another_thread_learns_of_commits() -> None:
    preparer = Preparer()
    commits: queue.SimpleQueue[PreparedPage | None] = queue.SimpleQueue()

    def forget() -> None:
        while (prepared := commits.get()) is not None:
            preparer.forget(Batch(1, [prepared]))

    forgetting = threading.Thread(target=forget)
    forgetting.start()
    written: Counter[str] = Counter()
    try:
        # Each page repeats half of the one before, which may be in flight still or not any more.
        for number in range(1, 400):
            prepared = preparer.prepare(page(number, [f"{id_}" for id_ in range(10 * number, 10 * number + 20)]))
            assert len(set(prepared.rows.event_ids)) == len(prepared.rows)
            written.update(prepared.rows.event_ids)
            commits.put(prepared)
    finally:
        commits.put(None)
        forgetting.join()
    assert set(written) == {f"{id_}" for id_ in range(10, 4010)}
    assert [row.event_id for row in preparer.prepare(page(400, ["10", "4009"])).rows] == ["10", "4009"]
