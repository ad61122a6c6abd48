"""Tries work on the database again while the database is unavailable: the one place where that is done.

Only the dispatcher has a loop of its own: between two attempts it finds out whether a COMMIT of unknown outcome
happened, and waits for its turn.

Invariant: nothing but StorageUnavailable is tried again, the last one is raised as it came, and nothing is tried once a
stop was requested. An attempt opens what it needs by itself. Waiting for anything else than the database, such as
looking again every second, is not done here.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from msgspec import Struct
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    retry_if_exception_type,
    stop_after_attempt,
    stop_before_delay,
    stop_when_event_set,
    wait_exponential,
)

from datasync_spider.errors import StorageUnavailable

logger = logging.getLogger(__name__)

_T = TypeVar("_T")


class RetryPolicy(Struct, frozen=True):
    """``budget_seconds``: no attempt begins later than this after the first one. A pause is twice the one before it."""

    budget_seconds: float
    first_pause_seconds: float
    longest_pause_seconds: float


# A database that starts beside us needs a moment. Short, because a wrong address or password looks the same.
AT_START = RetryPolicy(budget_seconds=20.0, first_pause_seconds=0.25, longest_pause_seconds=2.0)
# A server that is short of connections may not have noticed yet that we have just closed one.
AT_END = RetryPolicy(budget_seconds=1.0, first_pause_seconds=0.05, longest_pause_seconds=0.4)


def patiently(work: Callable[[], _T], policy: RetryPolicy = AT_START, stopped: threading.Event | None = None) -> _T:
    """The result of ``work``, tried again after a pause for as long as the policy allows.

    ``stopped`` ends a pause, and all trying, at once. Raises the last StorageUnavailable.
    """
    stop_requested = threading.Event() if stopped is None else stopped
    failed: list[StorageUnavailable] = []

    def announce(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        assert isinstance(error, StorageUnavailable)
        failed[:] = [error]
        logger.warning("the database is not available, trying again: %s", error)

    def pause(seconds: float) -> None:
        if stop_requested.wait(seconds):
            # The library would try once more, and that may take as long as a connection attempt does.
            raise failed.pop()

    retrying = Retrying(
        retry=retry_if_exception_type(StorageUnavailable),
        wait=wait_exponential(multiplier=policy.first_pause_seconds, max=policy.longest_pause_seconds),
        stop=stop_before_delay(policy.budget_seconds) | stop_when_event_set(stop_requested),
        before_sleep=announce,
        sleep=pause,
        reraise=True,
    )
    return retrying(work)


def once_more(work: Callable[[], _T], is_worth_it: Callable[[StorageUnavailable], bool] = lambda _: True) -> _T:
    """The result of ``work``, which is tried a second time at once: a kept connection may have died while it was idle.

    Raises the last StorageUnavailable.
    """
    retrying = Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, StorageUnavailable) and is_worth_it(error)),
        stop=stop_after_attempt(2),
        reraise=True,
    )
    return retrying(work)
