"""Whether a process does what it is there for: the database answers, nothing that it is to keep fresh is late. Pure.

Invariant: what is not known is not ready: an answer that is too old, or has not come yet, is none.
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


class Asked:
    """What became of asking the database. ``answered_at``: when it last answered; None: it has not so far."""

    def __init__(self, now: float) -> None:
        self.began_at = now
        self.answered_at: float | None = None
        self.failed_at: float | None = None
        """Since when it has failed; None where the last answer was one."""
        self.failure = ""

    def answered(self, now: float) -> None:
        self.answered_at, self.failed_at = now, None

    def failed(self, why: str, now: float) -> None:
        self.failed_at = now if self.failed_at is None else self.failed_at
        self.failure = why

    def away_since(self, now: float) -> float | None:
        """None where it is there."""
        if self.failed_at is not None:
            return self.failed_at
        last = self.began_at if self.answered_at is None else self.answered_at
        return last if now - last > _OLD_SECONDS else None


def readiness(many: Many, asked: Asked, now: float, wall_now: float) -> dict[str, Any]:
    """For ``/readyz``: ``status`` is ready, late, database_away or starting, and the rest is what it rests on."""
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
    if away_since is not None:
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
