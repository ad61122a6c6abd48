"""Whether anything that the API counts is missing: by its total of the last complete run, and by that of now. Pure."""

from __future__ import annotations

from msgspec import Struct

from datasync_spider.ops.verification.check import Check, fails, falls_short, holds
from datasync_spider.storage.verification import CompleteRun, Totals

_CRAWL = "run scrapy crawl events"


class RemoteTotal(Struct, frozen=True):
    """The API's answer: its total, None where it reports none; or why there is no answer, and what to do."""

    total: int | None = None
    trouble: str | None = None
    remedy: str = ""


class Accounted(Struct, frozen=True):
    """What is there of the stream, counted and not claimed.

    ``counted_twice`` of the rejected are about events that are accounted for without them.
    """

    stored: int
    rejected: int
    filtered: int
    counted_twice: int

    @property
    def sum(self) -> int:
        return self.stored + self.rejected - self.counted_twice + self.filtered

    def __str__(self) -> str:
        filtered = f" + {self.filtered:,} filtered" if self.filtered else ""
        twice = f" - {self.counted_twice:,} counted twice" if self.counted_twice else ""
        return f"{self.stored:,} stored + {self.rejected:,} rejected{twice}{filtered}"


def account(totals: Totals, complete: CompleteRun | None, rows: int, counted_twice: int) -> Accounted:
    """The rows that another stream has stored here are not its own.

    Before a pass has ended, what it filtered so far says less than what the last complete one did.
    """
    filtered = totals.total_filtered
    if totals.pass_status in {"new", "open"} and complete is not None:
        filtered = max(filtered, complete.filtered)
    return Accounted(max(0, rows - totals.total_adopted), totals.open_dead_letters, filtered, counted_twice)


def check_pass(totals: Totals, complete: CompleteRun | None, accounted: Accounted) -> Check:
    """Against the API's total when the stream was last called complete, and against how the last pass ended."""
    name = "last_complete_run"
    if totals.pass_status == "short" and totals.pass_expected_total is not None:
        return _compare(name, accounted, totals.pass_expected_total, f"when pass {totals.pass_number} ended")
    if totals.pass_status == "short" and totals.pass_window_total is not None:
        counted = f"the API counted {totals.pass_window_total:,} events since {totals.pass_since_at}"
        text = f"{counted}, which pass {totals.pass_number} asked from, and fewer came"
        return falls_short(name, text, _CRAWL, {"expected": totals.pass_window_total})
    if complete is None:
        return holds(name, f"no run has been complete yet; {accounted}")
    if complete.expected_total is None:
        return holds(name, f"run {complete.run_id} was complete; the API gave it no total to compare with")
    return _compare(name, accounted, complete.expected_total, f"when run {complete.run_id} was complete")


def check_remote_total(remote_total: RemoteTotal, accounted: Accounted) -> Check:
    """Against the API's total of now."""
    if remote_total.trouble is not None:
        return fails("api_total", f"the API's total is not known: {remote_total.trouble}", remote_total.remedy)
    if remote_total.total is None:
        return holds("api_total", "the API gives no total to compare with")
    return _compare("api_total", accounted, remote_total.total, "now")


def _compare(name: str, accounted: Accounted, total: int, when: str) -> Check:
    numbers = {
        "stored": accounted.stored,
        "rejected": accounted.rejected,
        "filtered": accounted.filtered,
        "counted_twice": accounted.counted_twice,
        "expected": total,
    }
    if accounted.sum >= total:
        return holds(name, f"{accounted} account for the {total:,} events that the API counted {when}", numbers)
    text = f"{accounted}, but the API counted {total:,} {when}: {total - accounted.sum:,} are missing"
    return falls_short(name, text, _CRAWL, numbers)
