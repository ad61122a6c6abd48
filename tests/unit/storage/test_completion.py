from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.storage.completion import Counted, backfill_verdict, pass_verdict

counts = st.integers(min_value=0, max_value=10**12)


@given(expected=counts, stored=counts, rejected=counts, filtered=counts, counted_twice=counts)
def test_a_pass_is_complete_only_if_no_event_is_missing(
    expected: int, stored: int, rejected: int, filtered: int, counted_twice: int
) -> None:
    verdict = pass_verdict(expected, stored, rejected, filtered, "last_page", counted_twice=counted_twice)
    accounted = stored + max(0, rejected - counted_twice) + filtered
    assert (verdict.run_status == "complete") == (accounted >= expected)
    assert (verdict.pass_status == "complete") == (verdict.run_status == "complete")


def test_a_short_read_says_how_many_events_are_missing() -> None:
    verdict = pass_verdict(4_000_100, 2_000_080, 1_005, 0, "last_page", counted_twice=0)
    assert verdict.run_status == "incomplete"
    numbers = "2,000,080 stored, 1,005 rejected, 0 filtered, but the API counts 4,000,100: 1,999,015 are missing"
    assert verdict.detail == numbers


def test_a_complete_pass_says_what_was_counted() -> None:
    verdict = pass_verdict(100_000, 99_000, 900, 100, "last_page", counted_twice=0)
    assert verdict.detail == "99,000 stored, 900 rejected, 100 filtered; the API counts 100,000"


def test_without_a_total_the_end_of_the_feed_is_the_proof_and_the_detail_says_so() -> None:
    verdict = pass_verdict(None, 80, 0, 0, "last_page", counted_twice=0)
    assert verdict.run_status == "complete"
    assert "no total" in verdict.detail


def test_what_is_counted_twice_proves_nothing_and_the_detail_says_it() -> None:
    assert pass_verdict(5_000, 4_000, 1_200, 0, "last_page", counted_twice=200).run_status == "complete"
    verdict = pass_verdict(5_000, 4_000, 1_200, 0, "last_page", counted_twice=201)
    assert verdict.run_status == "incomplete"
    assert verdict.detail == (
        "4,000 stored, 1,200 rejected (201 of them for events that are counted already), 0 filtered,"
        " but the API counts 5,000: 1 are missing"
    )


def test_what_is_newer_than_the_total_makes_up_for_nothing() -> None:
    verdict = pass_verdict(10, 12, 0, 0, "last_page", counted_twice=0, above=3)
    assert (verdict.run_status, verdict.pass_status) == ("incomplete", "short")
    assert "12 stored (3 of them by a backfill, newer than this total)" in verdict.detail
    assert pass_verdict(10, 12, 0, 0, "last_page", counted_twice=0, above=2).run_status == "complete"


def test_pages_by_number_prove_a_pass_only_where_they_stood_still() -> None:
    def verdict(expected: int | None, received: int, closing: int | None) -> tuple[str, str | None, str, str]:
        found = pass_verdict(expected, 12, 0, 0, "last_page", counted_twice=0, counted=Counted(received, closing))
        return found.run_status, found.pass_status, found.reason, found.detail

    assert verdict(10, 10, 10)[:3] == ("complete", "complete", "last_page")
    # The last page may say nothing of a total.
    assert verdict(10, 10, None)[:3] == ("complete", "complete", "last_page")
    for received, closing in ((10, 9), (10, 11), (11, 10), (9, 10), (9, None)):
        assert verdict(10, received, closing)[:3] == ("incomplete", "short", "pages_moved")
    assert verdict(10, 9, 9)[3].endswith("the API counted 10 at the first page and 9 at the last")
    assert verdict(10, 11, 10)[3].endswith("the API counts 10, and 11 came")
    status, pass_status, reason, detail = verdict(None, 10, None)
    assert (status, pass_status, reason) == ("complete", "complete", "last_page")
    assert detail.endswith("what came or went meanwhile moves its pages: none of it is proven")
    # What is missing is missing, however the pages moved.
    assert pass_verdict(13, 12, 0, 0, "last_page", counted_twice=0, counted=Counted(12, 12)).reason == "short_read"


def test_the_end_of_a_backfill_says_nothing_of_the_pass() -> None:
    verdict = backfill_verdict()
    assert (verdict.run_status, verdict.pass_status, verdict.reason) == ("complete", None, "backfilled")
    assert "no total says whether it was all of the window" in verdict.detail
