"""The signals that ask a process of ours to stop, and what they do while the reactor runs.

The first asks the crawl to end well; the second ends the reactor at once: what is committed stays, the rest is
fetched again. A terminal that goes away says so more than once (the kernel to its processes, a shell to its jobs), so
a SIGHUP is only ever the first. Invariant: nothing but flags and scheduled callbacks happens inside a signal handler.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def stop_signals() -> tuple[signal.Signals, ...]:
    """All of them, but for a SIGHUP that is ignored, which is what ``nohup`` is for."""
    is_ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return tuple(number for number in _SIGNALS if not (is_ignored and number is signal.SIGHUP))


class ShutdownSignals:
    """``on_first`` is called in the event loop with the signal's name."""

    def __init__(self, on_first: Callable[[str], None]) -> None:
        self._on_first = on_first
        self._loop = asyncio.get_event_loop()
        self._signals = stop_signals()
        self.received: str | None = None

    def install(self) -> None:
        for number in self._signals:
            self._loop.add_signal_handler(number, self._handle, number)

    def uninstall(self) -> None:
        for number in self._signals:
            self._loop.remove_signal_handler(number)
        # What is left to do is short, and ends the process with an exit code that says what the run came to.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def _handle(self, number: signal.Signals) -> None:
        if self.received is None:
            self.received = number.name
            self._on_first(number.name)
        elif number is not signal.SIGHUP:
            self._loop.stop()
