"""Who is told, and with what: Scrapy's own manager and ours are asked in turn."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import pytest
from pydispatch import dispatcher
from scrapy.signalmanager import SignalManager

from datasync_spider.quicksignals import QuickSignals
from tests.unit.quicksignals.ears import OTHER, SIGNAL, Called, Ear, Sender, Unhashable, told


def test_a_method_with_any_arguments_gets_all_of_them(signals: SignalManager) -> None:
    ear = Ear()
    signals.connect(ear.anything, SIGNAL)
    assert signals.send_catch_log(SIGNAL, request=1, spider=2) == [(ear.anything, "anything's")]
    assert ear.heard == [("anything", {"signal": SIGNAL, "sender": signals.sender, "request": 1, "spider": 2})]


def test_a_method_with_some_names_gets_these_and_the_others_where_it_takes_them(signals: SignalManager) -> None:
    ear = Ear()
    for handler in (ear.some, ear.some_and_the_rest, ear.nothing, ear.the_sender):
        signals.connect(handler, SIGNAL)
    assert told(signals.send_catch_log(SIGNAL, request=1, spider=2)) == ["some's", "both's", None, None]
    assert ear.heard == [
        ("some", 1, None),
        ("some_and_the_rest", 1, {"signal": SIGNAL, "sender": signals.sender, "spider": 2}),
        "nothing",
        ("the_sender", signals.sender, SIGNAL),
    ]


def test_functions_and_objects_are_handlers_as_well(signals: SignalManager) -> None:
    called = Called()

    def plain(request: object) -> tuple[str, object]:
        return "plain", request

    def with_any(**given: Any) -> tuple[str, set[str]]:
        return "any", set(given)

    for handler in (plain, with_any, called, Ear.of_the_class, Ear.of_nobody):
        signals.connect(handler, SIGNAL)
    assert told(signals.send_catch_log(SIGNAL, request=1)) == [
        ("plain", 1),
        ("any", {"signal", "sender", "request"}),
        "called",
        ("Ear", 1),
        1,
    ]
    assert called.heard == [1]


def test_a_handler_that_is_held_strongly_needs_no_other_holder(signals: SignalManager) -> None:
    heard: list[object] = []
    signals.connect(lambda request: heard.append([request]), SIGNAL, weak=False)
    signals.connect(Ear().some, SIGNAL, weak=False)
    gc.collect()
    assert told(signals.send_catch_log(SIGNAL, request=1)) == [None, "some's"]
    assert heard == [[1]]


def test_handlers_that_are_gone_are_not_told(signals: SignalManager) -> None:
    ear, gone = Ear(), Ear()
    signals.connect(gone.anything, SIGNAL)
    signals.connect(lambda **_: pytest.fail("it is gone"), SIGNAL)
    signals.connect(ear.anything, SIGNAL)
    del gone
    gc.collect()
    assert told(signals.send_catch_log(SIGNAL)) == ["anything's"]


def test_a_handler_that_is_just_going_is_not_told_either(signals: SignalManager) -> None:
    ear, meanwhile = Ear(), list[Any]()
    signals.connect(ear.anything, SIGNAL)
    # Called before pydispatch learns of it, for the last one that asked is told first.
    watching = weakref.ref(ear, lambda _: meanwhile.append(signals.send_catch_log(SIGNAL)))
    del ear
    gc.collect()
    assert watching() is None
    assert meanwhile == [[]]


def test_only_the_handlers_of_this_signal_and_this_sender_are_told(signals: SignalManager) -> None:
    ear, another = Ear(), Ear()
    signals.connect(ear.some, OTHER)
    type(signals)(Sender()).connect(ear.some, SIGNAL)
    assert signals.send_catch_log(SIGNAL, request=1) == []
    signals.connect(another.some, SIGNAL)
    assert told(signals.send_catch_log(SIGNAL, request=1)) == ["some's"]
    assert ear.heard == []


def test_a_handler_that_is_connected_twice_is_told_once_in_its_last_place(signals: SignalManager) -> None:
    ear = Ear()
    for handler in (ear.some, ear.anything, ear.some):
        signals.connect(handler, SIGNAL)
    assert told(signals.send_catch_log(SIGNAL, request=1)) == ["anything's", "some's"]


def test_what_cannot_be_hashed_is_passed_over(signals: SignalManager) -> None:
    ear = Ear()
    signals.connect(Unhashable(), SIGNAL, weak=False)
    signals.connect(ear.anything, SIGNAL)
    assert told(signals.send_catch_log(SIGNAL)) == ["anything's"]


@pytest.mark.parametrize("signal", [SIGNAL, dispatcher.Any])
@pytest.mark.parametrize("is_from_any", [False, True])
def test_who_hears_all_senders_or_all_signals_is_told_after_the_others(
    signals: SignalManager, signal: object, is_from_any: bool
) -> None:
    ear = Ear()
    sender = dispatcher.Any if is_from_any else signals.sender
    signals.connect(ear.the_sender, signal, sender=sender)
    signals.connect(ear.some, SIGNAL)
    try:
        signals.send_catch_log(SIGNAL, request=1)
    finally:
        signals.disconnect(ear.the_sender, signal, sender=sender)
    the_sender = ("the_sender", signals.sender, SIGNAL)
    is_first = not is_from_any and signal is SIGNAL
    assert ear.heard == ([the_sender, ("some", 1, None)] if is_first else [("some", 1, None), the_sender])


def test_a_sender_that_is_named_is_the_one_whose_handlers_are_told(signals: SignalManager) -> None:
    ear, another = Ear(), Sender()
    signals.connect(ear.anything, SIGNAL)
    signals.connect(ear.the_sender, SIGNAL, sender=another)
    assert told(signals.send_catch_log(SIGNAL, sender=another)) == [None]
    assert ear.heard == [("the_sender", another, SIGNAL)]


@pytest.fixture
def no_search(monkeypatch: pytest.MonkeyPatch) -> None:
    def search(*_: object) -> None:
        raise AssertionError("pydispatch is asked for the handlers")

    monkeypatch.setattr("scrapy.utils.signal.getAllReceivers", search)


def test_the_usual_handlers_are_told_without_pydispatchs_search(no_search: None) -> None:
    signals, ear = QuickSignals(Sender()), Ear()
    signals.connect(ear.anything, SIGNAL)
    signals.connect(ear.some, SIGNAL)
    assert told(signals.send_catch_log(SIGNAL, request=1)) == ["anything's", "some's"]
    assert signals.send_catch_log(OTHER) == []
    assert asyncio.run(signals.send_catch_log_async(OTHER)) == []


def test_a_method_that_takes_anything_is_not_asked_for_its_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    def apply(*_: object, **__: object) -> None:
        raise AssertionError("it was asked")

    monkeypatch.setattr("datasync_spider.quicksignals.robustApply", apply)
    signals, ear = QuickSignals(Sender()), Ear()
    signals.connect(ear.anything, SIGNAL)
    assert told(signals.send_catch_log(SIGNAL)) == ["anything's"]
