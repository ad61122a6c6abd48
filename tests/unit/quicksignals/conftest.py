"""Both managers of signals, in turn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydispatch import dispatcher
from scrapy.signalmanager import SignalManager

from datasync_spider.quicksignals import QuickSignals
from tests.unit.quicksignals.ears import OTHER, SIGNAL, Sender


@pytest.fixture(params=[SignalManager, QuickSignals])
def signals(request: pytest.FixtureRequest) -> Iterator[SignalManager]:
    """Scrapy's own and ours, in turn: what a test says holds for both."""
    manager: SignalManager = request.param(Sender())
    yield manager
    for signal in (SIGNAL, OTHER, dispatcher.Any):
        manager.disconnect_all(signal)
    # Nobody may be left that hears other tests.
    assert id(dispatcher.Any) not in dispatcher.connections
