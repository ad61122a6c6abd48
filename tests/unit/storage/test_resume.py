import pytest

from datasync_spider.storage.resume import BeginPass, ContinuePass, decide_start


@pytest.mark.parametrize(
    ("pass_status", "start"),
    [
        ("new", BeginPass("full")),
        ("open", ContinuePass()),
        ("complete", BeginPass("incremental")),
        ("short", BeginPass("full")),
    ],
)
def test_where_a_run_starts_follows_from_how_the_last_pass_ended(
    pass_status: str, start: BeginPass | ContinuePass
) -> None:
    assert decide_start(pass_status, "full") == start


def test_a_state_of_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="no version of this program"):
        decide_start("paused", "full")


@pytest.mark.parametrize("pass_status", ["new", "complete", "short"])
def test_each_pass_of_a_stream_that_is_not_incremental_is_full(pass_status: str) -> None:
    assert decide_start(pass_status, "incremental", is_incremental=False) == BeginPass("full")


def test_an_open_pass_goes_on_unless_known_ground_must_not_end_it_any_more() -> None:
    assert decide_start("open", "full", is_incremental=False) == ContinuePass()
    assert decide_start("open", "incremental", is_incremental=False) == BeginPass("full")


def test_a_pass_that_cannot_be_distinguished_from_a_backfill_is_followed_by_a_full_one() -> None:
    assert decide_start("complete", "full", is_blurred=True) == BeginPass("full")
    assert decide_start("open", "incremental", is_blurred=True) == ContinuePass()


def test_an_open_pass_that_began_in_another_way_is_begun_anew_in_full() -> None:
    assert decide_start("open", "incremental", is_other_kind=True) == BeginPass("full")
    assert decide_start("open", "full", is_other_kind=True) == ContinuePass()
