"""A paused slice begins no run; others do, and one that is under way goes on."""

from __future__ import annotations

import pytest

from datasync_spider.errors import StreamPaused
from datasync_spider.storage.connection import connected
from datasync_spider.storage.removal import find_target, reset
from datasync_spider.storage.runs import OpenRun, open_run
from datasync_spider.storage.streams import pause, resume
from tests.support.runs import ELSEWHERE, renew_lease
from tests.support.sources import stream_spec

EU, US = '{"region":"eu"}', '{"region":"us"}'


def begin(url: str, slice_name: str) -> OpenRun:
    with connected(url) as connection:
        spec = stream_spec("orders", slice_name)
        return open_run(connection, spec, 60_000, "test", me=ELSEWHERE, alive=lambda _: False)


def test_one_slice_or_all_that_there_are_begin_no_run_until_they_are_resumed(database_url: str) -> None:
    run = begin(database_url, EU)
    begin(database_url, US)
    stream_id = run.slice.stream_id
    with connected(database_url) as connection:
        pause(connection, stream_id, [EU])
        renew_lease(connection, run, 0, 0)
        message = (
            r"""stream orders \{"region":"eu"\} is paused since .*: scrapy streams resume orders --slice '\{"region"""
        )
        with pytest.raises(StreamPaused, match=message):
            begin(database_url, EU)
        begin(database_url, US)
        pause(connection, stream_id, None)
        with pytest.raises(StreamPaused):
            begin(database_url, US)
        assert resume(connection, stream_id, [US]) == 1
        begin(database_url, US)
        with pytest.raises(StreamPaused):
            begin(database_url, EU)
        assert resume(connection, stream_id, None) == 1
    begin(database_url, EU)


def test_what_is_reset_stays_paused(database_url: str) -> None:
    run = begin(database_url, EU)
    with connected(database_url) as connection:
        pause(connection, run.slice.stream_id, None)
        target = find_target(connection, "orders", None)
        assert target is not None
        assert target.paused == 1
        reset(connection, target, 60_000, alive=lambda _: False)
    with pytest.raises(StreamPaused):
        begin(database_url, EU)
