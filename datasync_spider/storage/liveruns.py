"""Runs that are at work, of whatever version: what no migration may change the schema under.

Invariant: looks only. It reads what every version since the first leases has written, and decides as the opening of a
run does: a process that this machine knows to be dead, and a lease that has expired, stop nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct

from datasync_spider.storage.lease import Held, decide
from datasync_spider.storage.owner import is_alive
from datasync_spider.storage.statements import statement


class LiveRun(Struct, frozen=True):
    """``holder``: the process, for people. ``expires_at``: when the lease ends that no one renews."""

    stream: str
    run_id: int | None
    holder: str
    since: datetime | None
    expires_at: datetime | None

    def __str__(self) -> str:
        since = f" since {self.since:%Y-%m-%d %H:%M:%S %Z}" if self.since else ""
        until = f"; its lease expires at {self.expires_at:%H:%M:%S %Z} unless it is renewed" if self.expires_at else ""
        return f"stream {self.stream} is being run by {self.holder}{since} (run {self.run_id}{until})"


def has_leases(cursor: Any) -> bool:
    """Whether there are any to look at: not in an empty database, nor in one that is yet to be adopted."""
    cursor.execute(statement("has_leases"))
    ((has,),) = cursor.fetchall()
    return bool(has)


def read_live_runs(cursor: Any) -> list[LiveRun]:
    """All of them, in a database that has leases."""
    cursor.execute(statement("read_leases"))
    live = []
    for stream, run_id, owner, since, expires_at, is_expired in cursor.fetchall():
        decision = decide(owner, since, expired=is_expired, unheard=None, is_alive=is_alive)
        if isinstance(decision, Held):
            live.append(LiveRun(stream, run_id, decision.holder, since, expires_at))
    return live
