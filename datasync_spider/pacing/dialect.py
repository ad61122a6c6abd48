"""In which words an API of its own dialect speaks of its rate: names of headers, their unit, and a place in bodies.

Invariant: what is said in a declared unit is read in it, and only what makes no sense there is read as any other API's
would be, so that a file that errs costs a doubt and no wait. Whatever a server sends, nothing here raises.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from datasync_spider.pacing.retryafter import FIRST_IMPLAUSIBLE, GivenWait, given_wait
from datasync_spider.sources.paths import Path
from datasync_spider.sources.spec import Budget, WaitUnit

_NUMBER = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{0,20})?")
# A window that ended, or a clock that is slow; further back is no moment of today's.
_LONGEST_PAST_SECONDS = 366 * 86_400.0
_MILLISECONDS = frozenset({"ms", "epoch-ms"})
_EPOCHS = frozenset({"epoch-s", "epoch-ms"})
_MOMENTS = frozenset({*_EPOCHS, "iso", "http-date"})


class Dialect(Struct, frozen=True):
    """Names of headers are in lower case; None for what the API says in words that are known anyhow."""

    limit: str | None = None
    remaining: str | None = None
    reset: str | None = None
    retry_after: str | None = None
    poll_interval: str | None = None
    unit: WaitUnit = "auto"
    body_wait: Path | None = None

    @classmethod
    def of(cls, budget: Budget | None) -> Dialect:
        if budget is None:
            return KNOWN
        return cls(
            limit=_lower(budget.limit),
            remaining=_lower(budget.remaining),
            reset=_lower(budget.reset),
            retry_after=_lower(budget.retry_after),
            poll_interval=_lower(budget.poll_interval),
            unit=budget.unit,
            body_wait=budget.body_wait,
        )

    @property
    def names(self) -> frozenset[str]:
        """Headers that are read as the file says, and in no other way."""
        names = (self.limit, self.remaining, self.reset, self.retry_after, self.poll_interval)
        return frozenset(name for name in names if name is not None)

    @property
    def is_moment(self) -> bool:
        """Whether it says when, and not for how long."""
        return self.unit in _MOMENTS

    def wait(self, text: str, server_epoch: float) -> GivenWait | None:
        """How long from now on, by the server's own clock."""
        if self.unit == "auto":
            return given_wait(text, server_epoch)
        found = [one for part in text.split(",") if (one := self._in_unit(part.strip(), server_epoch)) is not None]
        return max(found, default=None) or given_wait(text, server_epoch)

    def _in_unit(self, text: str, server_epoch: float) -> GivenWait | None:
        if not _NUMBER.fullmatch(text):
            return None
        seconds = float(text) / (1_000.0 if self.unit in _MILLISECONDS else 1.0)
        if self.unit in _EPOCHS:
            seconds -= server_epoch
            return GivenWait(max(0.0, seconds), True) if -_LONGEST_PAST_SECONDS <= seconds < FIRST_IMPLAUSIBLE else None
        return GivenWait(seconds, True) if self.unit in {"s", "ms"} and 0 <= seconds < FIRST_IMPLAUSIBLE else None


def _lower(name: str | None) -> str | None:
    return None if name is None else name.lower()


KNOWN: Final = Dialect()
"""Of an API of which nothing is declared."""
