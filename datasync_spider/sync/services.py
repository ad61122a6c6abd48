"""What all syncs of a process share: connections, threads, and the heart that keeps their leases.

Made once by the process and handed to all that need it; a spider that is handed none makes its own, and closes it when
its crawl has closed. Threads are more than connections, since some wait for one, for their turn or for the database to
come back. Those of batches are apart from all others: a question does not wait for a thread behind batches.

Invariant: nothing in here is of one slice, and closing one slice takes nothing from another.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from datasync_spider.process.workers import Threads, Worker
from datasync_spider.storage.pool import Pool
from datasync_spider.sync.heart import Heart
from datasync_spider.sync.turns import Capacity

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

    from datasync_spider.config import Config
    from datasync_spider.storage.pool import Line

_THREADS_A_CONNECTION = 4
_RENEWALS_SHARE = 4
_MOST_UNDER_WAY_BYTES = 64_000_000
"""Of pages that are not committed. More than one slice has by itself, with batches of the usual size."""
_HANGS_SECONDS = 30.0
"""How long a sync that has ended may have a connection still: a server that says nothing would keep it for ever."""


class Services:
    """``connections``: to PostgreSQL, at most."""

    def __init__(self, database_url: str, connections: int) -> None:
        self.pool = Pool(database_url, connections)
        self.heart = Heart(self.pool)
        self.long_work = Worker("datasync-indexes")
        """For what may take an hour: one at a time."""
        self.renewals = asyncio.Semaphore(max(1, connections // _RENEWALS_SHARE))
        """Of tokens: each has a connection while a provider is asked, and a thread before and after."""
        self.capacity = Capacity(_MOST_UNDER_WAY_BYTES)
        self._threads = Threads("datasync-work", connections * _THREADS_A_CONNECTION)
        self._writing = Threads("datasync-writer", self.pool.writers * _THREADS_A_CONNECTION)

    @classmethod
    def of(cls, config: Config) -> Services:
        return cls(config.database_url_text, config.database_connections)

    def worker(self) -> Worker:
        """For jobs that come one after the other."""
        return Worker("", self._threads)

    def writer(self) -> Worker:
        """The same, for batches."""
        return Worker("", self._writing)

    def hang_up_later(self, line: Line) -> None:
        """Unless it is given back by then."""
        asyncio.get_running_loop().call_later(_HANGS_SECONDS, self.pool.hang_up, line)

    def close(self) -> None:
        """Nothing is kept any more; what is still used is closed with its last use."""
        self.pool.close()
        self._threads.close()
        self._writing.close()


def services_of(crawler: Crawler) -> Services:
    """Those of the crawl's spider."""
    services = getattr(crawler.spider, "services", None)
    assert isinstance(services, Services)
    return services
