"""The verdict on a run: it progresses, it waits for a good reason, or it is stalled. Pure.

Invariant: a run is stalled only when nothing was committed for longer than the timeout although nothing excused that;
:mod:`datasync_spider.faces.progress.idle` says what does.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct

from datasync_spider.faces.progress.state import Activity, ProgressState
from datasync_spider.faces.progress.texts import activity_text, writing_text


class Verdict(StrEnum):
    """What a health check wants to know."""

    PROGRESSING = "progressing"
    WAITING = "waiting"
    STALLED = "stalled"


class Health(Struct, frozen=True):
    """``idle_seconds``: without commit and without excuse."""

    verdict: Verdict
    words: str
    idle_seconds: float


def health_of(state: ProgressState, stall_timeout_seconds: float, now: float) -> Health:
    """An overdue standstill outweighs everything: an excuse that came too late is none."""
    idle_seconds = state.idle.seconds(now)
    words = activity_text(state, now)
    if idle_seconds >= stall_timeout_seconds:
        return Health(Verdict.STALLED, _stall_text(state, words), idle_seconds)
    verdict = Verdict.WAITING if state.idle.is_excused(now) else Verdict.PROGRESSING
    return Health(verdict, words, idle_seconds)


def _stall_text(state: ProgressState, words: str) -> str:
    """Fetching may go on for a while beside the writer that hangs."""
    if not state.writing_batches or state.activity() in {Activity.WRITING, Activity.ENDING}:
        return words
    return f"{words}; writing {writing_text(state)}"


def health_report(state: ProgressState, stall_timeout_seconds: float, now: float) -> dict[str, Any]:
    """The verdict with what it rests on, for ``/readyz``."""
    health = health_of(state, stall_timeout_seconds, now)
    last_commit = state.last_commit_at
    return {
        "status": str(health.verdict),
        "state": health.words,
        "run_id": state.run_id,
        "stream": state.stream,
        "idle_seconds": round(health.idle_seconds, 1),
        "stalled_after_seconds": stall_timeout_seconds,
        "last_commit_at": None if last_commit is None else datetime.fromtimestamp(last_commit, UTC).isoformat(),
        "pages_without_new": state.pages_without_new,
        "stored": state.stored,
        "expected_total": state.expected_total,
    }
