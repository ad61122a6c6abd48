"""Whether the saved position follows from the last page, in every state of a pass."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from datasync_spider.ops.verification.pagechain import check_ledger
from datasync_spider.storage.verification import Faults, Ledger, Totals


def is_right(cursor: str | None, status: str, *, number: int = 2, chain: int = 1, last: tuple[int, int] | None) -> bool:
    """``last``: pass and chain of the last page, which was asked for with ``here`` and leads ``on``."""
    totals = Totals(
        read_at=datetime(2026, 1, 1, tzinfo=UTC),
        cursor=cursor,
        chain=chain,
        pass_number=number,
        pass_status=status,
        pass_expected_total=None,
        pass_since_at=None,
        pass_window_total=None,
        total_ingested=0,
        total_rejected=0,
        total_filtered=0,
        total_adopted=0,
        all_inserted=0,
        first_started_at=None,
        open_dead_letters=0,
        resolved_dead_letters=0,
        resolved_by_replays=0,
    )
    page = None
    if last is not None:
        page = {"pass_number": last[0], "walk": last[1], "cursor": "here", "next_cursor": "on"}
    none = Faults(0)
    (check,) = [
        check
        for check in check_ledger(totals, Ledger(0, 0, 0, none, none, none, none, page))
        if check.name == "position"
    ]
    return check.holds


@pytest.mark.parametrize(
    ("cursor", "status", "right"),
    [
        ("on", "open", True),
        ("here", "open", False),
        (None, "open", False),
        ("here", "complete", True),
        ("on", "complete", False),
        ("here", "short", True),
        ("on", "new", True),
        ("here", "new", True),
        ("elsewhere", "new", False),
    ],
)
def test_a_position_in_the_pass_of_the_last_page(cursor: str | None, status: str, right: bool) -> None:
    assert is_right(cursor, status, last=(2, 1)) is right


def test_an_open_pass_is_in_the_chain_of_its_last_page() -> None:
    assert is_right("on", "open", chain=3, last=(2, 3))
    assert not is_right("on", "open", chain=2, last=(2, 3))


def test_a_pass_without_pages_is_at_the_head() -> None:
    assert is_right(None, "open", last=(1, 1))
    assert not is_right("on", "open", last=(1, 1))


def test_a_page_of_a_later_pass_than_the_present_one_is_wrong() -> None:
    assert not is_right("on", "open", last=(3, 1))


def test_a_database_without_any_page_is_at_the_head_or_was_adopted_somewhere() -> None:
    assert is_right(None, "new", number=0, last=None)
    assert is_right("adopted", "open", number=1, last=None)
    assert not is_right("nowhere", "open", number=2, last=None)
