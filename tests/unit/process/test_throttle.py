"""How often something is let through."""

from __future__ import annotations

from datasync_spider.process.throttle import Throttle


def test_one_thing_goes_through_an_interval_and_what_matters_at_any_time() -> None:
    throttle = Throttle(0.5)
    assert throttle.lets_through(10.0)
    assert not throttle.lets_through(10.4)
    assert throttle.lets_through(10.5)
    assert throttle.lets_through(10.6, always=True)
    assert not throttle.lets_through(11.0)
    assert throttle.lets_through(11.1)
