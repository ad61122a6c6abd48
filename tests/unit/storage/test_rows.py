"""What is written as rows can be read back from them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from datasync_spider.api.event import Event
from datasync_spider.storage.rows import Rows

_EVENTS = st.builds(
    Event,
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6),
    st.none() | st.integers(-(10**17), 2 * 10**17),
    st.binary(max_size=9),
)


@settings(deadline=None)
@given(st.lists(_EVENTS, max_size=6))
def test_rows_give_back_the_events_that_they_were_made_of(events: list[Event]) -> None:
    rows = Rows.of(events)
    assert list(rows) == events
    assert len(rows) == len(events)


def test_ids_of_one_length_are_written_as_ids_of_any_length_are() -> None:
    alike = [Event("aa", 5, b"{}"), Event("bb", 946_684_800_000_000, b"[]")]
    assert (
        Rows.of(alike).chunk + Rows.of([Event("c", None, b"1")]).chunk
        == Rows.of([*alike, Event("c", None, b"1")]).chunk
    )
