"""The ledger: no page is missing, each adds up, and each follows from the one before it. Pure."""

from __future__ import annotations

from datasync_spider.ops.verification.check import Check, fails, holds
from datasync_spider.sources.windows import Windows
from datasync_spider.storage.verification import Faults, Ledger, Totals

_REMEDY = (
    "the ledger was changed by other hands or restored in part: restore it from a backup; the events are not concerned"
)


def check_ledger(totals: Totals, ledger: Ledger) -> list[Check]:
    """Five checks, from the smallest thing to the whole."""
    return [_lines(ledger), _sums(ledger), _numbers(ledger), _chain(ledger), _position(totals, ledger)]


def _lines(ledger: Ledger) -> Check:
    numbers = {"pages": ledger.pages, "wrong": ledger.lines.count}
    if not ledger.lines.count:
        return holds("ledger_lines", f"the events of {ledger.pages:,} pages are all accounted for", numbers)
    text = f"{ledger.lines.count:,} pages account for fewer events than they held: {_pages(ledger.lines)}"
    return fails("ledger_lines", text, _REMEDY, numbers)


def _sums(ledger: Ledger) -> Check:
    numbers = {"runs": ledger.runs, "wrong": ledger.sums.count}
    if not ledger.sums.count:
        return holds("ledger_sums", f"the pages of {ledger.runs:,} runs add up to what the runs say", numbers)
    described = [
        f"run {row['run_id']} says {row['inserted']:,} inserted, its pages {row['found_inserted']:,}"
        for row in ledger.sums.examples
    ]
    text = (
        f"the pages of {ledger.sums.count:,} runs do not add up to what the runs say: {_some(ledger.sums, described)}"
    )
    return fails("ledger_sums", text, _REMEDY, numbers)


def _numbers(ledger: Ledger) -> Check:
    numbers = {"runs": ledger.runs, "wrong": ledger.holes.count, "cut": ledger.cut}
    cut = f"; old pages of {ledger.cut:,} runs were deleted" if ledger.cut else ""
    if not ledger.holes.count:
        return holds("page_numbers", f"the pages of {ledger.runs:,} runs are numbered without a gap{cut}", numbers)
    described = [
        f"run {row['run_id']} committed {row['pages']:,} pages and has {row['found_pages'] or 0:,}"
        + (f", numbered {row['first_page']:,} to {row['last_page']:,}" if row["found_pages"] else "")
        for row in ledger.holes.examples
    ]
    text = f"pages of {ledger.holes.count:,} runs are missing: {_some(ledger.holes, described)}"
    return fails("page_numbers", text, _REMEDY, numbers)


def _chain(ledger: Ledger) -> Check:
    numbers = {"pages": ledger.pages, "wrong": ledger.chain.count}
    if not ledger.chain.count:
        return holds("cursor_chain", "each page was asked for with the cursor of the page before it", numbers)
    text = f"{ledger.chain.count:,} pages do not follow from the page before them: {_pages(ledger.chain)}"
    remedy = f"{_REMEDY}; to be sure of them, read the whole feed as docs/operate/operations.md says under Resume"
    return fails("cursor_chain", text, remedy, numbers)


def _position(totals: Totals, ledger: Ledger) -> Check:
    page = ledger.last_page
    text = "the saved position is the one that the last page leads to"
    if page is None:
        # Nothing committed yet, or nothing left of it.
        is_right = totals.cursor is None or totals.pass_number <= 1
        return holds("position", "there is no page to compare the saved position with") if is_right else _lost(totals)
    if page["pass_number"] < totals.pass_number:
        is_right = totals.cursor is None
        text = "the saved position is the head of the feed, where the pass begins"
    elif page["pass_number"] > totals.pass_number:
        is_right = False
    elif totals.pass_status == "open":
        is_right = (totals.cursor, totals.chain) == (page["next_cursor"], page["walk"])
        is_right = is_right or _goes_on_at(totals, page["walk"], page["next_cursor"])
    elif totals.pass_status == "new":
        # Set by hand, to read the whole feed again: from wherever the pass was.
        is_right = totals.cursor in {page["cursor"], page["next_cursor"]}
    else:
        # The end of a pass keeps the cursor of its last page.
        is_right = totals.cursor == page["cursor"] or _goes_on_at(totals, page["walk"], page["cursor"])
    return holds("position", text) if is_right else _lost(totals)


def _goes_on_at(totals: Totals, chain: int, cursor: str | None) -> bool:
    """Whether the position is that of windows of time, and the chain of this number stands there."""
    try:
        return totals.cursor is not None and Windows.read(totals.cursor).position_of(chain) == cursor
    except ValueError:
        return False


def _lost(totals: Totals) -> Check:
    return fails(
        "position",
        f"the saved position of pass {totals.pass_number} is not the one that the last page leads to",
        "ingestion_state was changed by other hands or restored in part: read the whole feed as"
        " docs/operate/operations.md says under Resume",
    )


def _pages(faults: Faults) -> str:
    return _some(faults, [f"run {row['run_id']} page {row['page_number']}" for row in faults.examples])


def _some(faults: Faults, described: list[str]) -> str:
    return "; ".join(described) + ("; …" if faults.count > len(described) else "")
