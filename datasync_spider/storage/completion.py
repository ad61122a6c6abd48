"""Whether a pass that has reached its end may be called complete.

Invariant: never complete on less than the API claimed, each event counted once. More is fine: feeds are known to hold a
few events more than their total says. What an item pipeline filters counts as often as it was filtered, for nobody
keeps its ids (docs/delivery.md). Where the API gives no total, the end of the feed is all the proof there is, and the
detail says so.
"""

from __future__ import annotations

from msgspec import Struct


class Verdict(Struct, frozen=True):
    """``run_status`` and ``pass_status`` as the tables spell them; None: the run is in no pass."""

    run_status: str
    pass_status: str | None
    reason: str
    detail: str


_SHARE_COUNTS_FROM_EVENTS = 1000


def exceeds_share(events: int, rejected: int, max_percent: float) -> bool:
    """Whether so many of a run's events were rejected that the feed is not what we think; never on its first few."""
    return events >= _SHARE_COUNTS_FROM_EVENTS and rejected * 100 > events * max_percent


def judge(
    expected_total: int | None,
    stored: int,
    rejected: int,
    filtered: int,
    ends_pass: str,
    *,
    counted_twice: int,
    above: int = 0,
) -> Verdict:
    """The verdict on a pass whose last page is among the committed, counting all that the slice ever stored.

    ``counted_twice`` of the rejected are about events that are accounted for without them. ``above`` of the stored are
    newer than the page that told the total: a backfill has fetched them, so they make up for nothing that is missing.
    """
    accounted = stored - above + max(0, rejected - counted_twice) + filtered
    twice = f" ({counted_twice:,} of them for events that are counted already)" if counted_twice else ""
    later = f" ({above:,} of them by a backfill, newer than this total)" if above else ""
    numbers = f"{stored:,} stored{later}, {rejected:,} rejected{twice}, {filtered:,} filtered"
    if expected_total is None:
        return Verdict("complete", "complete", ends_pass, f"{numbers}; the API gives no total to compare with")
    if accounted < expected_total:
        missing = expected_total - accounted
        detail = f"{numbers}, but the API counts {expected_total:,}: {missing:,} are missing"
        return Verdict("incomplete", "short", "short_read", detail)
    return Verdict("complete", "complete", ends_pass, f"{numbers}; the API counts {expected_total:,}")


def judge_backfill() -> Verdict:
    """The verdict on a backfill whose last page is among the committed: what the API gave of its window is stored."""
    detail = (
        "the API's own chain of pages for this window has ended, and all of it is committed; no total says whether it"
        " was all of the window, and position and pass are as they were"
    )
    return Verdict("complete", None, "backfilled", detail)
