"""The whole small state, which each message to each viewer holds, so that one is as good as all before it. Pure.

Invariant: its size is the same however many streams and slices there are; lists of them are asked for, page by page.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from datasync_spider.errors import StorageError, StorageUnavailable
from datasync_spider.faces.dashboard.linerow import NOTHING, Whole, whole_view
from datasync_spider.faces.dashboard.runrow import RunView, run_view
from datasync_spider.storage.dashboard import Overview, is_schema_missing, is_timeout


class DatabaseView(msgspec.Struct, frozen=True):
    """``since`` is set while the database cannot be read: when it last could, or when the page was started."""

    label: str
    available: bool
    since: datetime | None = None
    words: str = ""
    advice: str = ""


class State(msgspec.Struct, frozen=True):
    """``at``: the database's clock when the rows were read. Where it is away, the rows are the last ones known.

    ``whole``: of all slices together.
    """

    at: datetime | None
    version: str
    database: DatabaseView
    whole: Whole
    runs: list[RunView]


def present(overview: Overview, label: str, version: str) -> State:
    """The state after a read that succeeded."""
    return State(
        at=overview.whole["read_at"],
        version=version,
        database=DatabaseView(label, available=True),
        whole=whole_view(overview.whole),
        runs=[run_view(row, overview.recent.get(row["run_id"])) for row in overview.newest_runs],
    )


def absent(last: State | None, label: str, version: str, since: datetime, error: Exception | None) -> State:
    """The state after a read that failed, or that has not ended yet (``error`` None)."""
    words, advice = _trouble(error)
    database = DatabaseView(label, available=False, since=since, words=words, advice=advice)
    if last is None:
        return State(None, version, database, NOTHING, [])
    return msgspec.structs.replace(last, database=database)


def _trouble(error: Exception | None) -> tuple[str, str]:
    """Made from the error's kind: its text may hold names of hosts and users, which do not belong here."""
    if error is None:
        return "PostgreSQL does not answer.", "The page goes on asking."
    if not isinstance(error, StorageError):
        return "What the database says could not be understood.", "The dashboard's log says more."
    if is_schema_missing(error):
        return "The database has no tables of this version yet.", "A crawl makes them, and so does: scrapy migrate"
    if is_timeout(error):
        return "PostgreSQL takes too long to answer.", "It is probably overloaded. The page goes on asking."
    if isinstance(error, StorageUnavailable):
        return "PostgreSQL cannot be reached.", "The page goes on asking; the dashboard's log holds the error."
    code = f" with code {error.sqlstate}" if error.sqlstate else ""
    return f"PostgreSQL refuses to be read{code}.", "Check the user's rights; the dashboard's log holds the error."
