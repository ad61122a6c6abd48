"""Whether a process does what it is there for: the database answers, nothing that it is to keep fresh is late. Pure.

Invariant: what is not known is not ready: an answer that is too old, or has not come yet, is none. That this process
has no connection left to ask with says nothing of the database, and is no trouble while it commits.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from datasync_spider.faces.progress.many import Many
from datasync_spider.observe.display import visible

ASK_EVERY_SECONDS = 3.0
NAMED = 10
"""So many of those that are late are named."""

# A database that is away gives an error, or says nothing at all.
_OLD_SECONDS = 15.0
# How old an answer may be while commits show that the database is there.
_UNKNOWN_SECONDS = 60.0


class Asked:
    """What became of asking the database. ``answered_at``: when it last answered; None: it has not so far."""

    def __init__(self, now: float) -> None:
        self.began_at = now
        self.answered_at: float | None = None
        self.failed_at: float | None = None
        """Since when it has failed; None where the last answer was one."""
        self.busy_at: float | None = None
        """Since when there was no connection to ask with."""
        self.failure = ""
        self._heard_at = now

    def answered(self, now: float) -> None:
        self.answered_at, self.busy_at = now, None
        self.committed(now)

    def committed(self, now: float) -> None:
        """Something else has shown that it is there."""
        self._heard_at, self.failed_at = now, None

    def failed(self, why: str, now: float) -> None:
        self.failed_at = now if self.failed_at is None else self.failed_at
        self.busy_at, self.failure = None, why

    def busy(self, why: str, now: float) -> None:
        """It was not asked, for want of a connection."""
        self.busy_at = now if self.busy_at is None else self.busy_at
        self.failure = why

    def away_since(self, now: float) -> float | None:
        """None where it is there."""
        if self.failed_at is not None:
            return self.failed_at
        return self._heard_at if now - self._heard_at > _OLD_SECONDS else None

    def is_unknown(self, now: float) -> bool:
        """Whether its last answer is too old to go by, though it is there."""
        return now - (self.began_at if self.answered_at is None else self.answered_at) > _UNKNOWN_SECONDS


def readiness(many: Many, asked: Asked, now: float, wall_now: float) -> dict[str, Any]:
    """For ``/readyz``: ``status`` is ready, late, busy, database_away or starting, the rest is what it rests on."""
    away_since = asked.away_since(now)
    report: dict[str, Any] = {"status": "ready", "under_way": len(many.under_way), "failing": len(many.failing)}
    fresh = many.freshness
    if fresh is not None:
        report |= {"due": fresh.due, "late": fresh.late, **_latest(many, now, wall_now)}
        if fresh.next_seconds is not None:
            report["next_due_at"] = _instant(wall_now + fresh.next_seconds - (now - many.fresh_at))
        report["status"] = "late" if fresh.late else "ready"
    if asked.answered_at is None:
        report["status"] = "starting"
    if asked.busy_at is not None and asked.failed_at is None:
        report |= {"database": visible(asked.failure), "busy_since": _instant(wall_now - (now - asked.busy_at))}
        if away_since is not None or asked.is_unknown(now):
            report["status"] = "busy"
    elif away_since is not None:
        said = asked.failure if asked.failed_at is not None else "it does not answer"
        report |= {
            "status": "database_away",
            "database": visible(said),
            "away_since": _instant(wall_now - (now - away_since)),
        }
    return report


def _latest(many: Many, now: float, wall_now: float) -> dict[str, Any]:
    fresh = many.freshness
    if fresh is None or not fresh.late:
        return {}
    older = now - many.fresh_at
    named = [
        {
            "source": late.source,
            "stream": late.stream,
            "slice": late.slice,
            "due_since": _instant(wall_now - late.late_seconds - older),
            "late_seconds": round(late.late_seconds + older, 1),
            "every_seconds": late.every_seconds,
        }
        for late in fresh.latest[:NAMED]
    ]
    return {"latest": named, "more": fresh.late - len(named)}


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
