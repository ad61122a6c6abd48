"""All checks, in the order in which they are read: events, dead letters, runs, ledger, completeness. Pure."""

from __future__ import annotations

from datasync_spider.ops.verification.check import Check
from datasync_spider.ops.verification.completeness import RemoteTotal, account, check_pass, check_remote_total
from datasync_spider.ops.verification.deadletterchecks import DeadLetters, check_dead_letters
from datasync_spider.ops.verification.pagechain import check_ledger
from datasync_spider.ops.verification.totals import check_totals, deleted_rows
from datasync_spider.ops.verification.watermarks import check_events
from datasync_spider.storage.verification import Facts


def check_all(facts: Facts, dead_letters: DeadLetters, remote_total: RemoteTotal | None) -> list[Check]:
    """``remote_total`` None: the API was not asked, and nothing is said of it."""
    totals, events = facts.totals, facts.events
    rows_were_deleted = deleted_rows(totals, events) > 0
    accounted = account(totals, facts.last_complete, events.rows, dead_letters.ids.counted_twice)
    checks = [
        *check_totals(totals, events),
        *check_events(events, frozenset(dead_letters.marks), rows_were_deleted=rows_were_deleted),
        *check_dead_letters(dead_letters, rows_were_deleted=rows_were_deleted),
        *check_ledger(totals, facts.ledger),
        check_pass(totals, facts.last_complete, accounted),
    ]
    return checks if remote_total is None else [*checks, check_remote_total(remote_total, accounted)]
