"""Signals whose handlers are awaited, by Scrapy's own manager and by ours."""

from __future__ import annotations

import asyncio

import pytest
from pydispatch import dispatcher
from scrapy.signalmanager import SignalManager

from tests.unit.quicksignals.ears import OTHER, SIGNAL, Ear, Sender, errors


def test_without_handlers_an_awaited_signal_has_no_answers(signals: SignalManager) -> None:
    signals.connect(Ear().anything, SIGNAL, weak=False)
    assert asyncio.run(signals.send_catch_log_async(OTHER, request=1)) == []


def test_handlers_are_awaited_and_errors_are_answers(signals: SignalManager, caplog: pytest.LogCaptureFixture) -> None:
    error = ZeroDivisionError("a bug")
    ear = Ear()

    async def waits(request: object) -> object:
        await asyncio.sleep(0)
        return request

    async def breaks() -> None:
        raise error

    for handler in (waits, breaks, ear.anything):
        signals.connect(handler, SIGNAL)
    answers = asyncio.run(signals.send_catch_log_async(SIGNAL, request=1))
    assert answers == [(waits, 1), (breaks, error), (ear.anything, "anything's")]
    assert [record.name for record in errors(caplog)] == ["scrapy.utils.signal"]


@pytest.mark.parametrize("signal", [SIGNAL, dispatcher.Any])
@pytest.mark.parametrize("is_from_any", [False, True])
def test_who_hears_all_senders_or_all_signals_is_awaited_too(
    signals: SignalManager, signal: object, is_from_any: bool
) -> None:
    ear = Ear()
    sender = dispatcher.Any if is_from_any else signals.sender
    signals.connect(ear.the_sender, signal, sender=sender)
    try:
        asyncio.run(signals.send_catch_log_async(SIGNAL))
    finally:
        signals.disconnect(ear.the_sender, signal, sender=sender)
    assert ear.heard == [("the_sender", signals.sender, SIGNAL)]


def test_a_sender_that_is_named_has_its_handlers_awaited(signals: SignalManager) -> None:
    ear, another = Ear(), Sender()
    signals.connect(ear.the_sender, SIGNAL, sender=another)
    asyncio.run(signals.send_catch_log_async(SIGNAL, sender=another))
    assert ear.heard == [("the_sender", another, SIGNAL)]
