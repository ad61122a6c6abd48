"""Syncs of a real server by a source's file alone, and what the database holds afterwards."""

from __future__ import annotations

import signal
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.crawl import Crawl
from tests.support.database import rows, value
from tests.support.filesources import write_sources

StartCrawl = Callable[..., Crawl]
_KILLED_AT = 2


@dataclass(frozen=True, slots=True)
class Synced:
    """How one run ended; ``code`` is the exit code of ``scrapy crawl``.

    ``killed_at``: when the one before it was killed, in seconds since 1970.
    """

    code: int
    log: str
    killed_at: float | None = None


def sync(start_crawl: StartCrawl, tmp_path: Path, toml_text: str, stream: str, **settings: str) -> Synced:
    """Writes the file and runs ``scrapy crawl STREAM`` to its end.

    ``stream`` is ``SOURCE.STREAM``, or ``SOURCE`` for all of the source's streams, one after the other.
    """
    crawl = _start(start_crawl, tmp_path, toml_text, stream, **settings)
    return Synced(crawl.wait(), crawl.log)


def kill_in_midchain(
    start_crawl: StartCrawl,
    tmp_path: Path,
    toml_text: str,
    stream: str,
    *,
    database_url: str,
    table: str,
    between: Callable[[], object] | None = None,
    **settings: str,
) -> Synced:
    """Killed by SIGKILL in its second commit's answer, and run again to its end, which is what comes back.

    Rows are in the table by then, and the run is not over. ``between`` is called after the kill, when nothing runs.
    """
    # A page a commit, as far as a page is not small: batches hold whole pages.
    small = {"WRITE_BATCH_SIZE": "1", **settings}
    crawl = _start(
        start_crawl, tmp_path, toml_text, stream, DATASYNC_FAILPOINT=f"after_commit@{_KILLED_AT}=kill", **small
    )
    assert crawl.wait() == -signal.SIGKILL, crawl.log
    killed_at = time.time()
    assert value(database_url, f"SELECT count(*) FROM {table}") > 0
    assert last_end(database_url)[0] == "running"
    if between is not None:
        between()
    ended = sync(start_crawl, tmp_path, toml_text, stream, **settings)
    return Synced(ended.code, ended.log, killed_at)


def stored(database_url: str, table: str) -> dict[str, Any]:
    """Payload by id, without the records that are marked as deleted."""
    marks = "SELECT count(*) FROM information_schema.columns WHERE table_name = %s AND column_name = 'deleted_at'"
    living = "WHERE deleted_at IS NULL" if value(database_url, marks, (table,)) else ""
    return dict(rows(database_url, f"SELECT event_id, payload FROM {table} {living}"))


def last_end(database_url: str) -> tuple[str, str, str]:
    """Status, reason and detail of the newest run."""
    newest = "SELECT status, reason, detail FROM ingestion_runs ORDER BY run_id DESC LIMIT 1"
    status, reason, detail = rows(database_url, newest)[0]
    return status, reason or "", detail or ""


def _start(start_crawl: StartCrawl, tmp_path: Path, toml_text: str, stream: str, **settings: str) -> Crawl:
    source = tomllib.loads(toml_text)["source"]["name"]
    files = write_sources(tmp_path / "sources", **{source: toml_text})
    return start_crawl("", spider=stream, **files, **settings)
