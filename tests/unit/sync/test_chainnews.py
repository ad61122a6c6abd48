"""By what was committed: a chain that was given more than there is, and brings nothing new for long, goes round."""

from __future__ import annotations

from msgspec.structs import replace

from datasync_spider.records.pagetrail import MOST_REPEATED_PAGES
from datasync_spider.storage.batch import Batch, Committed, Counts
from datasync_spider.storage.prepare import Preparer
from datasync_spider.sync.outcome import ChainNews
from tests.support.pages import page


class Stream:
    """Commits batches of pages with ten events each, as the writer would."""

    def __init__(self, accounted: int = 0) -> None:
        self.news = ChainNews()
        self.accounted = accounted
        self._pages = 0

    def commit(self, *new: int, filtered: int = 0, chain: int = 1, is_read_back: bool = False) -> bool:
        """A page for each number, which says how many of its ten are new; gives whether the run is to end."""
        batch = Batch(1)
        last_new = None
        for count in new:
            self._pages += 1
            prepared = Preparer().prepare(page(self._pages, [f"{n}" for n in range(10)], chain=chain))
            prepared.counts = replace(prepared.counts, filtered=filtered)
            batch.pages.append(prepared)
            self.accounted += count + filtered
            last_new = self._pages if count else last_new
        committed = Committed(
            *(1, batch.first_page, batch.last_page, Counts(1, len(new), 10 * len(new), sum(new)), 0.0),
            last_new_page=last_new,
            accounted=None if is_read_back else self.accounted,
        )
        self.news.committed(batch, committed)
        return self.news.standstill() is not None


def test_known_pages_count_from_where_the_chain_has_been_given_more_than_there_is() -> None:
    stream = Stream()
    assert not stream.commit(*[10] * 3)
    assert not stream.commit(*[0] * MOST_REPEATED_PAGES)
    assert stream.commit(0)
    assert "no new event in the last 101 pages" in str(stream.news.standstill())


def test_a_chain_over_known_ground_is_let_through_to_its_last_page_and_a_little_further() -> None:
    for batch in (1, 10, 1000):
        stream = Stream(accounted=30_000)
        for _ in range(0, 3_000 - batch + 1, batch):
            assert not stream.commit(*[0] * batch)
        assert not stream.commit(*[0] * MOST_REPEATED_PAGES)
        assert stream.commit(0)


def test_what_is_new_clears_the_count_wherever_it_stands_in_a_batch() -> None:
    stream = Stream()
    stream.commit(10)
    for _ in range(50):
        assert not stream.commit(*[0] * 60, 1, *[0] * 40)


def test_a_growing_feed_may_repeat_a_hundred_pages_again_and_again() -> None:
    stream = Stream()
    for _ in range(10):
        assert not stream.commit(10)
        assert not stream.commit(*[0] * MOST_REPEATED_PAGES)


def test_what_a_pipeline_filters_is_never_held_against_the_api() -> None:
    stream = Stream()
    stream.commit(5)
    for _ in range(20):
        assert not stream.commit(*[0] * 100, filtered=10)


def test_a_new_chain_begins_anew() -> None:
    stream = Stream()
    stream.commit(*[10] * 200)
    assert not stream.commit(*[0] * 200, chain=2)
    assert not stream.commit(*[0] * MOST_REPEATED_PAGES, chain=2)
    assert stream.commit(0, chain=2)


def test_a_commit_that_was_only_read_back_is_received_and_judges_nothing() -> None:
    stream = Stream()
    stream.commit(10)
    assert not stream.commit(*[0] * 500, is_read_back=True)
    assert not stream.commit(*[0] * MOST_REPEATED_PAGES)
    assert stream.commit(0)


def test_rows_that_others_have_stored_are_known_ground_too() -> None:
    stream = Stream()
    assert stream.commit(*[0] * 200)
    stream.news.stored(5_000, 0)
    assert not stream.commit(*[0] * 300)
    assert not stream.commit(*[0] * MOST_REPEATED_PAGES)
    assert stream.commit(0)
