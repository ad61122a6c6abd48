"""Named places at which a test may crash or freeze this very process.

``DATASYNC_FAILPOINT=before_commit@3=kill`` kills the process with SIGKILL when it reaches the place for the third time;
``=stop`` freezes it with SIGSTOP. Off by default: where the variable is unset, reaching a place is one dictionary
look-up a page or batch, never one an event. Invariant: a failpoint can only end or freeze the process; nothing here
changes what it does.
"""

from __future__ import annotations

import os
import signal
import threading
from functools import cache

from datasync_spider.errors import ConfigurationError

PLACES = frozenset(
    {
        "at_start",
        "in_migration",
        "run_opened",
        "before_fetch",
        "after_fetch",
        "waiting",
        "split",
        "mid_copy",
        "before_checkpoint",
        "before_commit",
        "after_commit",
        "deletions_marked",
        "before_finish",
        "token_answered",
        "token_stored",
        "notice_posted",
        "removal_fenced",
        "removal_written",
        "removal_committed",
    }
)
_VARIABLE = "DATASYNC_FAILPOINT"
_ACTIONS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


class _Armed:
    def __init__(self, place: str, hits: int, action: signal.Signals) -> None:
        self.place = place
        self._hits_left = hits
        self._action = action
        self._lock = threading.Lock()

    def reach(self) -> None:
        with self._lock:
            self._hits_left -= 1
            due = self._hits_left == 0
        if due:
            os.kill(os.getpid(), self._action)


@cache
def _armed() -> _Armed | None:
    text = os.environ.get(_VARIABLE)
    if not text:
        return None
    target, _, action = text.partition("=")
    place, _, hits = target.partition("@")
    if place not in PLACES or action not in _ACTIONS or not (hits or "1").isdecimal():
        raise ConfigurationError(
            f"{_VARIABLE}={text!r} is no failpoint: PLACE[@HITS]=kill|stop, PLACE one of {', '.join(sorted(PLACES))}"
        )
    return _Armed(place, int(hits or "1"), _ACTIONS[action])


def is_armed(place: str) -> bool:
    """Whether this place is the one that is armed, for callers that have to go out of their way to reach it."""
    armed = _armed()
    return armed is not None and armed.place == place


def reach(place: str) -> None:
    """Marks a place. Does nothing unless a test has armed it."""
    armed = _armed()
    if armed is not None and armed.place == place:
        armed.reach()
