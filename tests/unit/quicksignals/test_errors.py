"""What becomes of handlers' errors, by Scrapy's own manager and by ours."""

from __future__ import annotations

from typing import Any

import pytest
from scrapy.exceptions import StopDownload
from scrapy.signalmanager import SignalManager
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from tests.unit.quicksignals.ears import SIGNAL, Ear, errors, told


def test_an_error_is_logged_once_with_its_traceback_and_the_others_are_told(
    signals: SignalManager, caplog: pytest.LogCaptureFixture
) -> None:
    ear, spider = Ear(), object()

    class Broken:
        def breaks(self, **_: Any) -> None:
            raise ZeroDivisionError("a bug")

    broken = Broken()
    signals.connect(broken.breaks, SIGNAL)
    signals.connect(ear.wants_more, SIGNAL)
    signals.connect(ear.anything, SIGNAL)
    answers = signals.send_catch_log(SIGNAL, request=1, spider=spider)
    assert [handler for handler, _ in answers] == [broken.breaks, ear.wants_more, ear.anything]
    assert [type(answer) for answer in told(answers)] == [ZeroDivisionError, TypeError, str]
    assert [isinstance(answer, Failure) for _, answer in answers] == [True, True, False]
    assert "breaks" in answers[0][1].getTraceback()
    logged = errors(caplog)
    assert [record.name for record in logged] == ["scrapy.utils.signal"] * 2
    assert [record.getMessage() for record in logged] == [
        f"Error caught on signal handler: {handler}" for handler in (broken.breaks, ear.wants_more)
    ]
    assert [record.exc_info[1] for record in logged if record.exc_info] == told(answers)[:2]
    assert [record.__dict__["spider"] for record in logged] == [spider, spider]


def test_to_stop_a_download_is_an_answer_and_no_error(signals: SignalManager, caplog: pytest.LogCaptureFixture) -> None:
    stop = StopDownload(fail=False)

    def stops() -> None:
        raise stop

    ear = Ear()
    signals.connect(stops, SIGNAL)
    signals.connect(ear.anything, SIGNAL)
    answers = signals.send_catch_log(SIGNAL)
    assert told(answers) == [stop, "anything's"]
    assert isinstance(answers[0][1], Failure)
    assert errors(caplog) == []


def test_what_is_no_error_of_a_handler_goes_through(signals: SignalManager) -> None:
    def interrupts() -> None:
        raise KeyboardInterrupt

    signals.connect(interrupts, SIGNAL)
    with pytest.raises(KeyboardInterrupt):
        signals.send_catch_log(SIGNAL)


def test_a_deferred_is_given_back_and_complained_of(signals: SignalManager, caplog: pytest.LogCaptureFixture) -> None:
    deferred: Deferred[None] = Deferred()
    spider = object()

    def defers() -> Deferred[None]:
        return deferred

    signals.connect(defers, SIGNAL)
    assert told(signals.send_catch_log(SIGNAL, spider=spider)) == [deferred]
    (logged,) = errors(caplog)
    assert (logged.name, logged.exc_info) == ("scrapy.utils.signal", None)
    assert logged.getMessage() == f"Cannot return deferreds from signal handler: {defers}"
    assert logged.__dict__["spider"] is spider


def test_errors_that_are_not_to_be_logged_are_not(signals: SignalManager, caplog: pytest.LogCaptureFixture) -> None:
    def breaks() -> None:
        raise ZeroDivisionError

    def breaks_otherwise() -> None:
        raise KeyError("x")

    ear = Ear()
    for handler in (breaks, breaks_otherwise, ear.anything):
        signals.connect(handler, SIGNAL)
    answers = signals.send_catch_log(SIGNAL, dont_log=ZeroDivisionError)
    assert [type(answer) for answer in told(answers)] == [ZeroDivisionError, KeyError, str]
    assert [type(record.exc_info[1]) for record in errors(caplog) if record.exc_info] == [KeyError]
    assert "dont_log" not in ear.heard[0][1]
