from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.storage.completion import judge

counts = st.integers(min_value=0, max_value=10**12)


@given(expected=counts, stored=counts, rejected=counts, filtered=counts)
def test_a_pass_is_complete_only_if_no_event_is_missing(
    expected: int, stored: int, rejected: int, filtered: int
) -> None:
    verdict = judge(expected, stored, rejected, filtered, "last_page")
    assert (verdict.run_status == "complete") == (stored + rejected + filtered >= expected)
    assert (verdict.pass_status == "complete") == (verdict.run_status == "complete")


def test_a_short_read_says_how_many_events_are_missing() -> None:
    verdict = judge(100, 80, 5, 0, "last_page")
    assert verdict.run_status == "incomplete"
    assert "15 are missing" in verdict.detail


def test_without_a_total_the_end_of_the_feed_is_the_proof_and_the_detail_says_so() -> None:
    verdict = judge(None, 80, 0, 0, "last_page")
    assert verdict.run_status == "complete"
    assert "no total" in verdict.detail
