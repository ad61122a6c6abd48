"""A feed that grows at its head and is read by the writer's own code, without HTTP: for random plays.

A cursor names the number of records that lie behind it, so that growing moves no page. The chain follows the spider's
rules: cursors from page to page, an end at the last page or at known ground, a new chain at the head after an expiry.
"""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import msgspec

from datasync_spider.items import EventPage
from datasync_spider.storage.batch import Counts
from datasync_spider.storage.known import is_known_entirely
from tests.support.database import rows
from tests.support.pages import page
from tests.support.runs import RunWriter, no_totals, open_test_run, slice_of
from tests.support.sources import READER, stream_spec

_CHAINS_AT_MOST = 6


class _Crash(Exception):
    pass


def _crash() -> Counts:
    raise _Crash


class HeadFeed:
    """``records``: newest first. ``requests``: so many pages were asked for. ``before_request`` may make it grow.

    ``spec``: as which stream it is stored.
    """

    def __init__(self, url: str, stream: str, limit: int = 10) -> None:
        self.url = url
        self.stream = stream
        self.spec = stream_spec(stream)
        self.records: list[bytes] = []
        self.limit = limit
        self.reports_total = False
        self.requests = 0
        self.before_request: Callable[[], None] = lambda: None
        self._named = 0
        self._window: list[bytes] | None = None

    def named(self) -> bytes:
        """A new event, whose id no other stream has."""
        self._named += 1
        return b'{"id":"event-%b-%d","timestamp":1700000000000}' % (self.stream.encode(), self._named)

    def sync(self, chance: random.Random | None = None, trouble: float = 0.0) -> str:
        """Runs until a pass has ended; gives the status of its last run.

        ``trouble``: the chance of a crash and of an expiry, at each request and each commit.
        """
        luck = chance or random.Random(0)
        while True:
            run = RunWriter(self.url, open_test_run(self.url, self.spec))
            try:
                with suppress(_Crash):
                    return self._chain(run, luck, trouble)
            finally:
                run.connection.close()

    def backfill(self, newest: int, oldest: int, chance: random.Random | None = None, trouble: float = 0.0) -> None:
        """Asks for a window of the feed: places from the head on. A crash ends it, and what it has committed stays."""
        self._run_once(chance or random.Random(0), trouble, self.records[newest:oldest])

    def crash(self, chance: random.Random, trouble: float) -> None:
        """One run, which may come to the end of its pass or not."""
        self._run_once(chance, trouble)

    def stored(self) -> set[str]:
        found = rows(self.url, f"SELECT event_id FROM {slice_of(self.url, self.stream).table}")
        return {event_id for (event_id,) in found}

    def served_ids(self) -> set[str]:
        return {event.event_id for event in READER.parse([msgspec.Raw(raw) for raw in self.records]).events}

    def _run_once(self, chance: random.Random, trouble: float, window: list[bytes] | None = None) -> None:
        run = RunWriter(self.url, open_test_run(self.url, self.spec, is_backfill=window is not None))
        self._window = window
        try:
            with suppress(_Crash):
                self._chain(run, chance, trouble)
        finally:
            self._window = None
            run.connection.close()

    def kept(self) -> Counter[bytes]:
        found = rows(self.url, "SELECT raw FROM rejected_events WHERE stream = %s", (self.stream,))
        return Counter(bytes(raw) for (raw,) in found)

    def served(self) -> Counter[bytes]:
        """Its records that have no id."""
        return Counter(raw for raw in self.records if b'"id":"event-' not in raw)

    def total_rejected(self) -> int:
        found = rows(self.url, "SELECT total_rejected FROM ingestion_state WHERE stream = %s", (self.stream,))
        return int(found[0][0])

    def _chain(self, run: RunWriter, luck: random.Random, trouble: float) -> str:
        resume = run.run.resume
        cursor, chain, number = resume.cursor, resume.chain, 0
        buffered: list[EventPage] = []
        while True:
            self.before_request()
            if luck.random() < trouble:
                raise _Crash
            if cursor is not None and chain < _CHAINS_AT_MOST and luck.random() < trouble:
                cursor, chain = None, chain + 1
            number += 1
            asked = self._page(number, chain, cursor)
            if (
                resume.pass_kind == "incremental"
                and asked.next_cursor is not None
                and is_known_entirely(run.connection, run.run.slice, asked, resume.known_before)
            ):
                asked.ends_pass = "reached_known"
            buffered.append(asked)
            if asked.ends_pass is None and luck.random() < 0.4:
                cursor = asked.next_cursor
                continue
            batch = run.batch(*buffered)
            totals = _crash if luck.random() < trouble else no_totals
            committed = run.writer.write(run.connection, batch, lambda: None, totals)
            run.preparer.forget(batch)
            buffered = []
            if committed.run_status is not None:
                return committed.run_status
            cursor = asked.next_cursor

    def _page(self, number: int, chain: int, cursor: str | None) -> EventPage:
        self.requests += 1
        records = self.records if self._window is None else self._window
        start = 0 if cursor is None else len(records) - int(cursor)
        raws = records[start : start + self.limit]
        parsed = READER.parse([msgspec.Raw(raw) for raw in raws])
        left = len(records) - start - len(raws)
        made = page(number, parsed.events, rejected=parsed.rejected, chain=chain)
        return dataclasses.replace(
            made,
            cursor=cursor,
            next_cursor=str(left) if left else None,
            ends_pass=None if left else "last_page",
            expected_total=len(records) if self.reports_total and cursor is None else None,
        )
