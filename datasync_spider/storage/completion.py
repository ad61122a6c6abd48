"""Whether a pass that has reached its end may be called complete.

Invariant: never complete on less than the API claimed. More is fine: feeds are known to hold a few events more than
their total says. Where the API gives no total, the end of the feed is all the proof there is, and the detail says so.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """``run_status`` and ``pass_status`` as the tables spell them."""

    run_status: str
    pass_status: str
    reason: str
    detail: str


def judge(expected_total: int | None, stored: int, rejected: int, filtered: int, ends_pass: str) -> Verdict:
    """The verdict on a pass whose last page is among the committed, counting all that the stream ever stored."""
    accounted = stored + rejected + filtered
    numbers = f"{stored} stored, {rejected} rejected, {filtered} filtered"
    if expected_total is None:
        return Verdict("complete", "complete", ends_pass, f"{numbers}; the API gives no total to compare with")
    if accounted < expected_total:
        missing = expected_total - accounted
        detail = f"{numbers}, but the API counts {expected_total}: {missing} are missing"
        return Verdict("incomplete", "short", "short_read", detail)
    return Verdict("complete", "complete", ends_pass, f"{numbers}; the API counts {expected_total}")
