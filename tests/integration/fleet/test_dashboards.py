"""Where Dask's own page is: the scheduler says it, and a driver takes no more from it than an address of the web."""

from __future__ import annotations

import asyncio
from typing import Any

import dask
import distributed
import pytest

from datasync_spider.fleet.dask.dashboards import dashboard_of, note_dashboard


def said(address: str | None, said_by_another: object = None) -> tuple[str | None, int]:
    """What a driver hears of a scheduler whose page is at the address, and the port of that."""

    async def ask() -> tuple[str | None, int]:
        scheduler: Any
        options = {"host": "127.0.0.1", "port": 0, "dashboard": False, "dashboard_address": "127.0.0.1:0"}
        async with distributed.Scheduler(**options) as scheduler:
            if address is not None:
                note_dashboard(scheduler, address)
            if said_by_another is not None:
                scheduler.set_metadata(["datasync-dashboard"], said_by_another)
            async with distributed.Client(scheduler.address, asynchronous=True, set_as_default=False) as client:
                return await dashboard_of(client), scheduler.http_server.port

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("address", "host"),
    [("127.0.0.9:0", "127.0.0.9"), (":0", "127.0.0.1"), ("0.0.0.0:0", "127.0.0.1"), ("[::1]:0", "[::1]")],
)
def test_it_is_where_it_is_served_and_on_all_interfaces_where_the_scheduler_is(address: str, host: str) -> None:
    url, port = said(address)
    assert url == f"http://{host}:{port}/status"


def test_whoever_has_a_proxy_before_it_says_by_which_address_it_is_asked() -> None:
    with dask.config.set({"distributed.dashboard.link": "https://dask.example.org/status"}):
        assert said("127.0.0.1:0")[0] == "https://dask.example.org/status"


@pytest.mark.parametrize("other", ["javascript:alert(1)", "http://user:secret@10.0.0.1/", 4711, None])
def test_a_scheduler_that_says_nothing_fit_to_be_shown_says_nothing(other: object) -> None:
    assert said(None, other)[0] is None
