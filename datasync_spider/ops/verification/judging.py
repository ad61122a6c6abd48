"""All checks, in the order in which they are read: events, dead letters, runs, ledger, completeness. Pure."""

from __future__ import annotations

from datasync_spider.ops.verification.books import deleted_rows, judge_books
from datasync_spider.ops.verification.check import Check
from datasync_spider.ops.verification.completeness import Told, account, judge_api, judge_pass
from datasync_spider.ops.verification.letters import Letters, judge_letters
from datasync_spider.ops.verification.pagechain import judge_ledger
from datasync_spider.ops.verification.watermarks import judge_events
from datasync_spider.storage.verification import Facts


def judge(facts: Facts, letters: Letters, told: Told | None) -> list[Check]:
    """``told`` None: the API was not asked, and nothing is said of it."""
    books, events = facts.books, facts.events
    rows_were_deleted = deleted_rows(books, events) > 0
    accounted = account(books, facts.last_complete, events.rows, letters.ids.counted_twice)
    checks = [
        *judge_books(books, events),
        *judge_events(events, frozenset(letters.marks), rows_were_deleted=rows_were_deleted),
        *judge_letters(letters, rows_were_deleted=rows_were_deleted),
        *judge_ledger(books, facts.ledger),
        judge_pass(books, facts.last_complete, accounted),
    ]
    return checks if told is None else [*checks, judge_api(told, accounted)]
