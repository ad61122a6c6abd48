"""Handlers that connect and disconnect others and themselves while a signal is told."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from scrapy.signalmanager import SignalManager

from datasync_spider.quicksignals import QuickSignals
from tests.unit.quicksignals.ears import SIGNAL, Ear, Handler, Sender, told


def test_a_handler_that_connects_another_one_has_it_told_too(signals: SignalManager) -> None:
    ear = Ear()

    def connects() -> str:
        signals.connect(ear.anything, SIGNAL)
        return "connects"

    signals.connect(connects, SIGNAL)
    assert told(signals.send_catch_log(SIGNAL)) == ["connects", "anything's"]
    assert told(signals.send_catch_log(SIGNAL)) == ["connects", "anything's"]


def test_a_handler_that_disconnects_a_later_one_keeps_it_from_being_told(signals: SignalManager) -> None:
    ear = Ear()

    def disconnects() -> str:
        signals.disconnect(ear.anything, SIGNAL)
        return "disconnects"

    for handler in (disconnects, ear.some, ear.anything):
        signals.connect(handler, SIGNAL)
    assert told(signals.send_catch_log(SIGNAL, request=1)) == ["disconnects", "some's"]
    assert ear.heard == [("some", 1, None)]


def test_a_handler_that_connects_itself_anew_is_told_once(signals: SignalManager) -> None:
    times: list[int] = []

    def again() -> None:
        times.append(1)
        assert len(times) < 10, "without an end"
        signals.connect(again, SIGNAL)

    signals.connect(again, SIGNAL)
    assert told(signals.send_catch_log(SIGNAL)) == [None]


def test_waiting_for_a_signal_ends_with_it() -> None:
    async def wait(manager: SignalManager) -> list[Any]:
        waiting = asyncio.ensure_future(manager.wait_for(SIGNAL))
        await asyncio.sleep(0)
        first = told(manager.send_catch_log(SIGNAL))
        await waiting
        return [first, told(manager.send_catch_log(SIGNAL))]

    assert asyncio.run(wait(QuickSignals(Sender()))) == asyncio.run(wait(SignalManager(Sender()))) == [[None], []]


_DOES = st.sampled_from(["connect", "disconnect", "raise", "nothing"])
_HANDLERS = st.lists(st.tuples(_DOES, st.integers(0, 4)), min_size=5, max_size=5)


@given(_HANDLERS, st.lists(st.integers(0, 4), max_size=5))
def test_whoever_comes_and_goes_meanwhile_the_same_are_told(does: list[tuple[str, int]], connected: list[int]) -> None:
    def order(manager: SignalManager) -> list[Any]:
        heard: list[Any] = []
        handlers: list[Handler] = []

        def handler(place: int) -> Handler:
            def handle() -> int:
                heard.append(place)
                what, other = does[place]
                if what == "connect":
                    manager.connect(handlers[other], SIGNAL)
                elif what == "disconnect":
                    # An error where it was not connected, as with "raise".
                    manager.disconnect(handlers[other], SIGNAL)
                elif what == "raise":
                    raise ValueError(place)
                return place

            return handle

        handlers.extend(handler(place) for place in range(5))
        for place in connected:
            manager.connect(handlers[place], SIGNAL)
        logging.disable()
        try:
            for _ in range(2):
                answers = told(manager.send_catch_log(SIGNAL))
                heard.append([answer if isinstance(answer, int) else type(answer) for answer in answers])
        finally:
            logging.disable(logging.NOTSET)
        return heard

    assert order(QuickSignals(Sender())) == order(SignalManager(Sender()))
