"""Runs the dashboard until it is asked to stop.

Invariant: the port is bound before anything is said about it, and a signal closes it, takes leave of every viewer and
ends the process without waiting for the database.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from msgspec import Struct
from scrapy.utils.reactor import install_reactor
from twisted.internet.error import CannotListenError

from datasync_spider.errors import DatasyncError
from datasync_spider.faces.dashboard.api import Api
from datasync_spider.faces.dashboard.curves import Ledger
from datasync_spider.faces.dashboard.heavycounts import EventCounter, GroupCounter
from datasync_spider.faces.dashboard.linerow import OVER
from datasync_spider.faces.dashboard.live import Live
from datasync_spider.faces.dashboard.poller import Poller
from datasync_spider.faces.dashboard.questions import Reader
from datasync_spider.faces.dashboard.site import Dashboard, make_site
from datasync_spider.local.shutdown import ShutdownSignals
from datasync_spider.storage.dashboard import read_overview

logger = logging.getLogger(__name__)

_NEWEST_RUNS = 10
_POLL_TIMEOUT_SECONDS = 4.0
_READ_TIMEOUT_SECONDS = 15.0
_COUNT_TIMEOUT_SECONDS = 5.0


class CannotListen(DatasyncError):
    """The address cannot be bound."""


class Address(Struct, frozen=True):
    """Where to listen, and under which names to answer."""

    host: str
    port: int
    allowed_hosts: frozenset[str]


def serve(
    database_url: str,
    label: str,
    version: str,
    address: Address,
    ready: Callable[[int], None],
    *,
    per_slice: bool = False,
) -> None:
    """Serves until SIGTERM, SIGINT or SIGHUP. ``ready`` is called with the port that was bound.

    ``per_slice``: metrics have a label for each slice.

    Raises CannotListen.
    """
    install_reactor("twisted.internet.asyncioreactor.AsyncioSelectorReactor")
    from twisted.internet import reactor as installed  # noqa: PLC0415 - importing it earlier would install another one

    # Its type is a bundle of zope interfaces, which type checkers cannot read.
    reactor: Any = installed
    readers = [
        Reader(database_url, "poller", timeout_seconds=_POLL_TIMEOUT_SECONDS),
        Reader(database_url, "reader", timeout_seconds=_READ_TIMEOUT_SECONDS),
        Reader(database_url, "counter", timeout_seconds=_COUNT_TIMEOUT_SECONDS),
    ]
    polling, reading, counting = readers
    poller = Poller(
        lambda: polling.read(lambda connection: read_overview(connection, OVER, max_runs=_NEWEST_RUNS)),
        label=label,
        version=version,
    )
    events, groups = EventCounter(counting.read), GroupCounter(counting.read)
    api = Api(poller, reading, Ledger(reading.read), events, groups, per_slice=per_slice)
    dashboard = Dashboard(api, Live(poller), address.allowed_hosts)
    try:
        listening = reactor.listenTCP(address.port, make_site(dashboard), interface=address.host)
    except (CannotListenError, OSError) as error:
        raise CannotListen(f"{address.host}:{address.port} cannot be bound: {error}") from error

    def stop(signal_name: str) -> None:
        logger.info("received %s: the dashboard ends", signal_name)
        listening.stopListening()
        dashboard.close()
        poller.close()
        for reader in readers:
            reader.close()
        # One turn of the loop later, so that the last bytes to the viewers are on their way.
        reactor.callLater(0, reactor.stop)

    shutdown = ShutdownSignals(stop)
    shutdown.install()
    try:
        reactor.callWhenRunning(lambda: ready(listening.getHost().port))
        reactor.run(installSignalHandlers=False)
    finally:
        shutdown.uninstall()
