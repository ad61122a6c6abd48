from datetime import UTC, datetime

import msgspec
import pytest

from datasync_spider.errors import StorageRefused, StorageUnavailable
from datasync_spider.faces.dashboard.snapshot import absent, present
from datasync_spider.observe.states import STATES
from datasync_spider.storage.dashboard import Overview

SINCE = datetime(2024, 5, 1, 12, tzinfo=UTC)
SECRET = "host db.internal, user admin, password hunter2"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (None, "does not answer"),
        (StorageUnavailable(SECRET), "cannot be reached"),
        (StorageUnavailable(SECRET, "57014"), "takes too long"),
        (StorageRefused(SECRET, "42P01"), "no tables of this version"),
        (StorageRefused(SECRET, "42703"), "no tables of this version"),
        (StorageRefused(SECRET, "42501"), "42501"),
        (ValueError(SECRET), "could not be understood"),
    ],
)
def test_trouble_is_reported_by_its_kind_and_never_by_its_text(error: Exception | None, words: str) -> None:
    state = absent(None, "the label", "1.0", SINCE, error)
    assert words in state.database.words
    assert not state.database.available
    assert state.database.since == SINCE
    assert "hunter2" not in msgspec.json.encode(state).decode()


def test_what_was_known_last_stays_while_the_database_is_away() -> None:
    whole = {"sources": 1, "streams": 1, "slices": 2, "read_at": SINCE, **dict.fromkeys(STATES, 0), "fine": 2}
    known = present(Overview(whole, [], {}), "the label", "1.0")
    assert known.database.available
    gone = absent(known, "the label", "1.0", SINCE, None)
    assert (gone.whole, gone.whole.states) == (known.whole, {"fine": 2})
    assert not gone.database.available
