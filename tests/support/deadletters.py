"""Dead letters as an earlier version might have left them: events that this version can store."""

from __future__ import annotations

from collections.abc import Iterable

from datasync_spider.records.event import RejectedEvent
from datasync_spider.storage.connection import connected
from datasync_spider.storage.runs import finish_run
from tests.support.pages import page
from tests.support.runs import run_writer
from tests.support.sources import READER


def raw_event(event_id: str, more: str = "") -> bytes:
    """An event that can be stored, written as an API would; ``more`` begins with a comma."""
    return f'{{"id":"{event_id}","type":"click","timestamp":1700000000000{more}}}'.encode()


def dead_letter(position: int, reason: str, raw: bytes) -> RejectedEvent:
    """With the id that can be read from its bytes, as a page's have it."""
    return RejectedEvent(position, reason, raw, event_id=READER.readable_id(raw))


def leave_dead_letters(
    url: str,
    dead_letters: Iterable[bytes | tuple[str, bytes]],
    stored: Iterable[str] = (),
    *,
    expected_total: int | None = None,
) -> None:
    """A whole run of one page with these dead letters, each as bytes or with its reason, and these stored events."""
    reported = [("id_too_long", entry) if isinstance(entry, bytes) else entry for entry in dead_letters]
    rejected = [dead_letter(position, reason, raw) for position, (reason, raw) in enumerate(reported)]
    with run_writer(url) as run:
        run.write(page(1, list(stored), rejected=rejected, ends_pass="last_page", expected_total=expected_total))
        with connected(url) as connection:
            finish_run(connection, run.writer._run, "failed", "never", None, 0, 0)
