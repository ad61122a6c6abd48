"""Whether a pass that has reached its end may be called complete.

Invariant: never complete on less than the API claimed, each event counted once. More is fine: feeds are known to hold a
few events more than their total says. What an item pipeline filters counts as often as it was filtered, for no one
keeps its ids (docs/understand/delivery.md). Where the API gives no total, the end of the feed is all the proof there
is, and the detail says so. What a pass asks for that asks from a time is counted for itself: what is stored besides
makes up for nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct

PAGES_MOVED: Final = "pages_moved"
"""The reason of a pass whose pages did not stand still."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Verdict(Struct, frozen=True):
    """``run_status`` and ``pass_status`` as the tables spell them; None: the run is in no pass."""

    run_status: str
    pass_status: str | None
    reason: str
    detail: str


class Counted(Struct, frozen=True):
    """A whole pass over pages that are asked for by number: a record that goes moves the next one before where we are.

    ``received``: records on its pages, each time that they came. ``closing_total``: what the API counts at its last
    page, None where it does not say.
    """

    received: int
    closing_total: int | None

    def doubt(self, expected_total: int) -> str | None:
        """Why records may have been missed; None where each place of the feed was seen while it stood still."""
        if self.closing_total is not None and self.closing_total != expected_total:
            return f"the API counted {expected_total:,} at the first page and {self.closing_total:,} at the last"
        if self.received != expected_total:
            return f"the API counts {expected_total:,}, and {self.received:,} came"
        return None


class Received(Struct, frozen=True):
    """What a pass has received that asked for what is not older than ``since_us``, and the API's ``total`` of that.

    ``different``: so many of its records are certainly not one and the same, dead letters and filtered ones included.
    """

    total: int
    different: int
    rejected: int
    filtered: int
    since_us: int


_SHARE_COUNTS_FROM_EVENTS = 1000


def exceeds_share(events: int, rejected: int, max_percent: float) -> bool:
    """Whether so many of a run's events were rejected that the feed is not what we think; never on its first few."""
    return events >= _SHARE_COUNTS_FROM_EVENTS and rejected * 100 > events * max_percent


def pass_verdict(
    expected_total: int | None,
    stored: int,
    rejected: int,
    filtered: int,
    ends_pass: str,
    *,
    counted_twice: int,
    above: int = 0,
    counted: Counted | None = None,
    began_at_bookmark: bool = False,
) -> Verdict:
    """The verdict on a pass whose last page is among the committed, counting all that the slice ever stored.

    ``counted_twice`` of the rejected are about events that are accounted for without them. ``above`` of the stored are
    newer than the page that reported the total: a backfill has fetched them, so they make up for nothing that is
    missing. ``counted``: of a whole pass by numbers of records or pages.
    ``began_at_bookmark``: with what a complete pass had ended with, so that no total of the API counts what it was.
    """
    accounted = stored - above + max(0, rejected - counted_twice) + filtered
    twice = f" ({counted_twice:,} of them for events that are counted already)" if counted_twice else ""
    later = f" ({above:,} of them by a backfill, newer than this total)" if above else ""
    numbers = f"{stored:,} stored{later}, {rejected:,} rejected{twice}, {filtered:,} filtered"
    if began_at_bookmark:
        proof = "all that follows the place where the complete pass before had ended"
        return Verdict("complete", "complete", ends_pass, f"{numbers}; this pass has read {proof}")
    if expected_total is None:
        unproven = "" if counted is None else ", and what came or went meanwhile moves its pages: none of it is proven"
        detail = f"{numbers}; the API gives no total to compare with{unproven}"
        return Verdict("complete", "complete", ends_pass, detail)
    if accounted < expected_total:
        missing = expected_total - accounted
        detail = f"{numbers}, but the API counts {expected_total:,}: {missing:,} are missing"
        return Verdict("incomplete", "short", "short_read", detail)
    if counted is not None and (doubt := counted.doubt(expected_total)) is not None:
        detail = (
            f"{numbers}; records came or went while pages were asked for by number, and some may be missed: {doubt}"
        )
        return Verdict("incomplete", "short", PAGES_MOVED, detail)
    return Verdict("complete", "complete", ends_pass, f"{numbers}; the API counts {expected_total:,}")


def window_verdict(received: Received, ends_pass: str) -> Verdict:
    """The verdict on a pass that asked for a part of the stream: what it received beside the API's total of that."""
    since = f"{_EPOCH + timedelta(microseconds=received.since_us):%Y-%m-%d %H:%M:%S} UTC"
    numbers = f"{received.different:,} received since {since}, {received.rejected:,} of them rejected"
    numbers += f" and {received.filtered:,} filtered" if received.filtered else ""
    if received.different < received.total:
        missing = received.total - received.different
        detail = f"{numbers}, but the API counts {received.total:,} since then: {missing:,} are missing"
        return Verdict("incomplete", "short", "short_read", detail)
    return Verdict("complete", "complete", ends_pass, f"{numbers}; the API counts {received.total:,} since then")


def unmodified_verdict() -> Verdict:
    """The verdict on a pass of which the API says that there is nothing new."""
    detail = "the API says that the first page is as the last complete pass has found it"
    return Verdict("complete", "complete", "not_modified", detail)


def backfill_verdict() -> Verdict:
    """The verdict on a backfill whose last page is among the committed: what the API gave of its window is stored."""
    detail = (
        "the API's own chain of pages for this window has ended, and all of it is committed; no total says whether it"
        " was all of the window, and position and pass are as they were"
    )
    return Verdict("complete", None, "backfilled", detail)
