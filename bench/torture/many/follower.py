"""One of the processes that keep the slices fresh, and what is done to it.

Invariant: what it may end with is known from what was done: anything else is a finding.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.torture.many.watching import Memory
from bench.torture.many.world import World
from bench.torture.world import Command

STOPS_WITHIN_SECONDS = 60.0
"""It is promised within ten, on a machine that has little else to do."""
_HAS_BEGUN = b"Spider opened"


@dataclass(slots=True)
class Follower:
    """A ``scrapy sync --follow``, or the pause before the next one. ``memory`` is that of the last process."""

    world: World
    number: int
    places: int
    is_quiet: bool = False
    memory: Memory | None = None
    begins_at: float = 0.0
    stopped_at: float | None = None
    is_killed: bool = False
    has_failpoint: bool = False
    is_deaf: bool = False
    _command: Command | None = None
    _thaws_at: float | None = None
    _log_begins: int = 0

    @property
    def _log(self) -> Path:
        return self.world.directory / f"process-{self.number}.log"

    @property
    def is_under_way(self) -> bool:
        return self._command is not None

    @property
    def may_be_struck(self) -> bool:
        return self._command is not None and not self.is_quiet and self.stopped_at is None

    @property
    def is_overdue(self) -> bool:
        """It was asked to stop, and does not."""
        return self.stopped_at is not None and time.monotonic() > self.stopped_at + STOPS_WITHIN_SECONDS

    def begin(self, settings: Mapping[str, str]) -> None:
        """``settings`` may hold a failpoint."""
        self._log_begins = self._log.stat().st_size if self._log.exists() else 0
        arguments = ("--follow", "--concurrency", str(self.places))
        self._command = self.world.sync(*arguments, log=self._log.name, **settings)
        self.memory = Memory(self._command.process.pid)
        self._thaws_at = self.stopped_at = None
        self.is_killed, self.has_failpoint = False, bool(settings)

    def attend(self) -> int | None:
        """Wakes it up when its time has come; gives the exit code where it has ended."""
        assert self._command is not None
        if self._thaws_at is not None and time.monotonic() >= self._thaws_at:
            self.thaw()
        return self._command.code

    def kill(self) -> None:
        assert self._command is not None
        self.is_killed = True
        self._command.send(signal.SIGKILL)

    def freeze(self, seconds: float) -> None:
        assert self._command is not None
        self._command.send(signal.SIGSTOP)
        self._thaws_at = time.monotonic() + seconds

    def thaw(self) -> None:
        if self._command is not None:
            self._command.send(signal.SIGCONT)
            self._thaws_at = None

    def stop(self, number: signal.Signals) -> None:
        """Once: a second signal would end it at once."""
        if self._command is not None and self.stopped_at is None:
            self.is_deaf = _HAS_BEGUN not in self._log.read_bytes()[self._log_begins :]
            self.stopped_at = time.monotonic()
            self._command.send(number)

    def wait(self) -> int:
        """Raises TimeoutExpired."""
        assert self._command is not None
        return self._command.process.wait(STOPS_WITHIN_SECONDS)

    def rest(self, seconds: float) -> None:
        """It has ended."""
        self._command = None
        self.begins_at = time.monotonic() + seconds

    def has_crashed(self, code: int) -> bool:
        """At its failpoint."""
        return code == -signal.SIGKILL and self.has_failpoint and not self.is_killed

    def may_end_with(self, code: int) -> bool:
        """A signal that comes before Python has imported what hears it ends the process as it ends any."""
        if code == -signal.SIGKILL:
            return self.is_killed or self.has_failpoint
        is_signal = self.is_deaf and -code in {signal.SIGTERM, signal.SIGINT}
        return self.stopped_at is not None and (code == 5 or is_signal)
