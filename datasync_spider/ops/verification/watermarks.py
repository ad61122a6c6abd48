"""The events: the ends of the table against the watermarks, and one id in two spellings. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from datasync_spider.observe.display import visible
from datasync_spider.ops.verification.check import Check, fails, holds
from datasync_spider.storage.verification import Events, Mark

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_ID = 60


def check_events(events: Events, rejected_marks: frozenset[str], *, rows_were_deleted: bool) -> list[Check]:
    """``rejected_marks``: the ids among the watermarks that a rejected event has.

    ``rows_were_deleted``: by someone who set the totals right; watermarks never come back.
    """
    accounted = events.stored_marks | rejected_marks
    return [_watermarks(events, accounted, rows_were_deleted=rows_were_deleted), _spellings(events)]


def _watermarks(events: Events, accounted: frozenset[str], *, rows_were_deleted: bool) -> Check:
    """A watermark may lie further out than the table only where its event is accounted for all the same.

    It is when the event came with another time than the stored version has. Earlier versions of this program also took
    the time of an event that PostgreSQL refused.
    """
    ends, recorded = events.ends, events.recorded_ends
    wrong = []
    for name, end, mark, outer, inner in (
        ("oldest", ends.oldest, recorded.oldest, ends.oldest, recorded.oldest),
        ("newest", ends.newest, recorded.newest, recorded.newest, ends.newest),
    ):
        if end is not None and (mark is None or (outer is not None and inner is not None and outer < inner)):
            wrong.append(f"the {name} event {_mark_text(end)} lies beyond its watermark {_mark_text(mark)}")
        elif not (mark is None or mark == end or rows_were_deleted or mark.event_id.decode() in accounted):
            wrong.append(
                f"the {name} watermark {_mark_text(mark)} names an event that is not there: {_mark_text(end)} is"
            )
    if wrong:
        remedy = (
            "rows were added or deleted, or ingestion_state was changed, by other hands: read the whole feed as"
            " docs/operate/operations.md says under Resume"
        )
        return fails("watermarks", "; ".join(wrong), remedy)
    if ends.oldest is None or ends.newest is None:
        return holds("watermarks", "no event has a time, and there are no watermarks")
    return holds("watermarks", f"the events go from {_time(ends.oldest)} to {_time(ends.newest)}, as the watermarks do")


def _spellings(events: Events) -> Check:
    found = events.spellings
    if not found.count:
        return holds("id_spellings", "no UUID is stored in two spellings", {"found": 0})
    some = ", ".join(visible(row["lowered"], _LONGEST_ID) for row in found.examples)
    return fails(
        "id_spellings",
        f"{found.count:,} UUIDs are stored in more than one spelling: {some}",
        "look whether they are the same events; if so, keep one of each and set the totals right as"
        " docs/operate/operations.md says under Resume",
        {"found": found.count},
    )


def _mark_text(mark: Mark | None) -> str:
    if mark is None:
        return "(none)"
    return f"{_time(mark)} {visible(mark.event_id.decode(), _LONGEST_ID)}"


def _time(mark: Mark) -> str:
    try:
        return f"{_EPOCH + timedelta(microseconds=mark.us):%Y-%m-%d %H:%M:%S} UTC"
    except OverflowError:
        return f"{mark.us} µs after 1970"
