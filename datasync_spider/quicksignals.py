"""Scrapy's signals, told without the way that pydispatch takes to each handler.

That way asks four tables for handlers, and each handler for its arguments' names, every time: about a fifth of all
calls that a page of a hundred events costs. Nearly all handlers are connected to one signal of one crawler, and most
are methods that take whatever comes; these are called here at once.

Invariant: who is told, what they are told, and what becomes of their errors is as Scrapy has it. Handlers are looked
up at each signal, and one may connect and disconnect others and itself while it is called.
"""

from __future__ import annotations

import inspect
import logging
from typing import TYPE_CHECKING, Any, TypeAlias

from pydispatch import dispatcher
from pydispatch.robustapply import robustApply
from scrapy.exceptions import StopDownload
from scrapy.signalmanager import SignalManager
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    from scrapy.crawler import Crawler

_Answers: TypeAlias = list[tuple[Any, Any]]

_ANY_SENDER = id(dispatcher.Any)

# Scrapy's own logger: whoever filters its lines by name finds them where they were.
logger = logging.getLogger("scrapy.utils.signal")


class QuickSignalsAddon:
    """In Scrapy's setting ADDONS, which are made before all that sends signals."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        # Handlers are found by their sender, which is the crawler as before.
        crawler.signals = QuickSignals(crawler)
        return cls()


class QuickSignals(SignalManager):
    """In the place of ``crawler.signals``."""

    def send_catch_log(self, signal: Any, **kwargs: Any) -> _Answers:
        connected = self._connected(signal)
        if connected is None or "sender" in kwargs or "dont_log" in kwargs:
            return super().send_catch_log(signal, **kwargs)
        answers = []
        told: set[Any] = set()
        for reference in connected:
            try:
                # One that connects itself anew while it is called comes once more at the end.
                if reference in told:
                    continue
                told.add(reference)
            except TypeError:
                # It cannot be told from others, and pydispatch passes over it.
                continue
            # Most are held weakly.
            handler = reference() if isinstance(reference, dispatcher.WEAKREF_TYPES) else reference
            if handler is not None:
                answers.append((handler, self._answer(handler, signal, kwargs)))
        return answers

    async def send_catch_log_async(self, signal: Any, **kwargs: Any) -> _Answers:
        connected = self._connected(signal)
        if connected is None or connected or "sender" in kwargs:
            return await super().send_catch_log_async(signal, **kwargs)
        return []

    def _connected(self, signal: Any) -> Sequence[Any] | None:
        """Handlers, and references to some; None where somebody hears all senders, or all signals.

        It is pydispatch's own list and no copy: who comes and goes while it is gone through is told or not as Scrapy
        has it.
        """
        if _ANY_SENDER in dispatcher.connections:
            return None
        by_signal = dispatcher.connections.get(id(self.sender))
        if by_signal is None:
            return ()
        connected: Sequence[Any] | None = None if dispatcher.Any in by_signal else by_signal.get(signal, ())
        return connected

    def _answer(self, handler: Callable[..., Any], signal: Any, kwargs: dict[str, Any]) -> Any:
        try:
            if _takes_anything(handler):
                answer = handler(signal=signal, sender=self.sender, **kwargs)
            else:
                answer = robustApply(handler, signal=signal, sender=self.sender, **kwargs)
        except StopDownload:
            return _failure()
        except Exception:  # noqa: BLE001 - a handler's error is logged, and nobody else's trouble
            _log("Error caught on signal handler: %(receiver)s", handler, kwargs, exc_info=True)
            return _failure()
        if answer is not None and isinstance(answer, Deferred):
            _log("Cannot return deferreds from signal handler: %(receiver)s", handler, kwargs)
        return answer


def _takes_anything(handler: Any) -> bool:
    """Whether it is a method with keyword arguments of any name."""
    try:
        flags: int = handler.__func__.__code__.co_flags
    except AttributeError:
        return False
    return bool(flags & inspect.CO_VARKEYWORDS)


def _failure() -> Failure:
    return Failure()  # type: ignore[no-untyped-call] # it takes the exception at hand


def _log(message: str, handler: Any, kwargs: dict[str, Any], *, exc_info: bool | None = None) -> None:
    logger.error(message, {"receiver": handler}, exc_info=exc_info, extra={"spider": kwargs.get("spider")})
