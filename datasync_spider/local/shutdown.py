"""SIGTERM and SIGINT while the reactor runs.

The first asks the crawl to end well; the second ends the reactor at once: what is committed stays, the rest is
fetched again. Invariant: nothing but flags and scheduled callbacks happens inside a signal handler.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class ShutdownSignals:
    """``on_first`` is called in the event loop with the signal's name."""

    def __init__(self, on_first: Callable[[str], None]) -> None:
        self._on_first = on_first
        self._loop = asyncio.get_event_loop()
        self.received: str | None = None

    def install(self) -> None:
        for number in _SIGNALS:
            self._loop.add_signal_handler(number, self._handle, number)

    def uninstall(self) -> None:
        for number in _SIGNALS:
            self._loop.remove_signal_handler(number)

    def _handle(self, number: signal.Signals) -> None:
        if self.received is None:
            self.received = number.name
            self._on_first(number.name)
            return
        self._loop.stop()
