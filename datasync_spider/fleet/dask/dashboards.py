"""Where Dask's own page is: the scheduler says so to each driver, and no one sets it up a second time.

Invariant: what a driver takes from a scheduler is an address of the web without a name or a password in it, or nothing.
"""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address
from typing import Any, Final

from distributed.comm.addressing import get_address_host
from distributed.utils import format_dashboard_link

from datasync_spider.sources.addresses import check_base_url

_KEY: Final = "datasync-dashboard"


def note_dashboard(scheduler: Any, address: str) -> str:
    """Has the scheduler say where its page is, which is served at ``address``; gives what it says."""
    host = address.rpartition(":")[0]
    if not host or _is_any(host):
        host = get_address_host(scheduler.address)
        host = f"[{host}]" if ":" in host else host
    # As Dask's settings have it: distributed.dashboard.link, of whoever has a proxy before it.
    url = str(format_dashboard_link(host, scheduler.http_server.port))
    scheduler.set_metadata([_KEY], url)
    return url


async def dashboard_of(client: Any) -> str | None:
    """What the scheduler says; None where it serves no page, or says nothing that is fit to be shown."""
    url = await client.get_metadata([_KEY], None)
    with suppress(ValueError, TypeError):
        check_base_url(url)
        return str(url)
    return None


def _is_any(host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host.strip("[]")).is_unspecified
    return False
