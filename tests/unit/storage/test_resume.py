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
    assert decide_start(pass_status) == start


def test_a_state_of_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="no version of this program"):
        decide_start("paused")
