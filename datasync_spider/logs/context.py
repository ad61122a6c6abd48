"""What a line of the log is about beside what its writer says: the same for all that is logged in one sync's tasks.

Invariant: syncs that go on side by side in one process never have each other's. Tasks and threads' jobs that a task
begins have what it has (:mod:`contextvars`); what belongs to no sync has nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

_fields: ContextVar[dict[str, Any] | None] = ContextVar("datasync_log_fields", default=None)


def enter(fields: dict[str, Any]) -> None:
    """What is in these, now or later, is on the lines of this task from now on, and of all that it begins."""
    _fields.set(fields)


def present() -> Mapping[str, Any]:
    """Those of the task, or of the thread's job, that logs."""
    return _fields.get() or {}
