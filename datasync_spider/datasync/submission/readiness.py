"""Whether what is stored is fit to be submitted: decided from the totals alone.

Two kinds of objection: one that a person may overrule (``--anyway``), and ids that no text of lines can hold, which
no one can.
"""

from __future__ import annotations

from datasync_spider.datasync.submission.refusal import SubmissionRefused
from datasync_spider.observe.display import visible
from datasync_spider.storage.event_ids import Basis

_LONGEST_ID = 100


def check_ready(basis: Basis, *, anyway: bool) -> list[str]:
    """The objections that were overruled. Raises SubmissionRefused where one stands."""
    if basis.unlistable is not None:
        raise SubmissionRefused(
            "the ids cannot be written one a line: there is an event whose id holds a line break or nothing but blanks:"
            f" '{visible(basis.unlistable, _LONGEST_ID)}'"
        )
    if basis.events == 0:
        raise SubmissionRefused("no event is stored: run the crawl first (scrapy crawl events)")
    found = objections(basis)
    if found and not anyway:
        raise SubmissionRefused(
            "\n  ".join(["the ids are not ready to be submitted:", *found, "say --anyway to go on"])
        )
    return found


def objections(basis: Basis) -> list[str]:
    """What speaks against calling the stored events all events of the stream."""
    found = []
    if basis.pass_status != "complete":
        found.append(f"stream {basis.slice} is not complete: {_state(basis)}; run the crawl to its end")
    if basis.is_running:
        found.append(f"stream {basis.slice} is being run at this moment: wait for its end")
    if basis.events != basis.recorded_events:
        found.append(
            f"the table holds {basis.events:,} events, the totals say {basis.recorded_events:,}:"
            " rows were added or removed by hand"
        )
    return found


def _state(basis: Basis) -> str:
    if basis.pass_status in {None, "new"}:
        return "no pass through the feed was ever begun"
    if basis.pass_status == "short":
        expected = f" of {basis.expected_total:,}" if basis.expected_total is not None else ""
        return f"the feed ended, but only {basis.recorded_events:,}{expected} events are accounted for"
    return f"pass {basis.pass_number} ({basis.pass_kind}) has not reached its end"
