"""``scrapy crawl``: Scrapy's own command, with the services it needs around it and an exit code that tells the truth.

Invariant: the exit code is made from the run's row in the database. Scrapy calls a crawl finished whose every write failed;
a crawl that leaves no readable row has failed, unless it was refused the lease or stopped before it had a run.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from scrapy.commands import crawl

from datasync_spider import exitcodes, failpoints, signals, stats
from datasync_spider.command import api, database, load_config, stoppable
from datasync_spider.errors import Stopped, StorageError, StorageUnavailable
from datasync_spider.local.shutdown import ShutdownSignals
from datasync_spider.storage.connect import connected
from datasync_spider.storage.migrate import migrate
from datasync_spider.storage.runs import end_open_run, read_run

if TYPE_CHECKING:
    import argparse

    from scrapy.crawler import Crawler

    from datasync_spider.config import Config

logger = logging.getLogger(__name__)


class Command(crawl.Command):
    """See the module's text."""

    _config: Config

    def short_desc(self) -> str:
        return "Run a spider of the project; the exit code tells what became of its run"

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        super().process_options(args, opts)
        assert self.settings is not None
        self._config = load_config(self.settings)

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        assert self.settings is not None
        try:
            with ExitStack() as services:
                failpoints.reach("at_start")
                with stoppable():
                    database_url = services.enter_context(database(self.settings, self._config))
                    _migrate(database_url)
                    services.enter_context(api(self.settings, self._config))
                self.exitcode = self._crawl(args, opts, database_url)
        except Stopped as error:
            logger.info("stopped by %s before the run began; nothing has changed", error)
            self.exitcode = exitcodes.STOPPED
        except StorageError as error:
            logger.error("the crawl could not start: %s", error)
            self.exitcode = exitcodes.FAILED

    def _crawl(self, args: list[str], opts: argparse.Namespace, database_url: str) -> int:
        if len(args) != 1:
            return _usage()
        assert self.crawler_process is not None
        crawler = self._create_crawler(args[0])
        shutdown = ShutdownSignals(lambda name: _stop(crawler, name))
        self.crawler_process.crawl(crawler, **opts.spargs)
        shutdown.install()
        try:
            self.crawler_process.start(install_signal_handlers=False)
        finally:
            shutdown.uninstall()
        return _judge(crawler, database_url, shutdown.received)


def _usage() -> int:
    logger.error("say which spider to run: scrapy crawl events")
    return exitcodes.BAD_CONFIGURATION


def _migrate(database_url: str) -> None:
    with connected(database_url) as connection:
        for migration in migrate(connection):
            logger.info("applied migration %s", migration)


def _stop(crawler: Crawler, signal_name: str) -> None:
    """The first signal: every component learns of it at once, then Scrapy closes the crawl in its own order."""
    logger.info("received %s: fetching stops, what was fetched is committed; again to end at once", signal_name)
    crawler.stats.set_value(stats.STOP_SIGNAL, signal_name)
    crawler.signals.send_catch_log(signals.stop_requested, signal_name=signal_name)
    asyncio.ensure_future(crawler.stop_async())  # noqa: RUF006 - the crawl's own task waits for it


def _judge(crawler: Crawler, database_url: str, signal_name: str | None) -> int:
    run_id = crawler.stats.get_value(stats.RUN_ID) if crawler.crawling is not None else None
    if run_id is None:
        if crawler.stats.get_value(stats.REFUSED) == "lease_held":
            return exitcodes.LEASE_HELD
        return exitcodes.STOPPED if signal_name else exitcodes.FAILED
    try:
        with connected(database_url, connect_timeout_seconds=2) as connection:
            end_open_run(connection, run_id, signal_name)
            row = read_run(connection, run_id)
    except StorageUnavailable as error:
        logger.error("run %s: how it ended cannot be read (%s); what was committed stays", run_id, error)
        return exitcodes.FAILED
    return _report(row) if row else exitcodes.FAILED


def _report(row: dict[str, Any]) -> int:
    code = exitcodes.exit_code(row["status"])
    counts = (
        f"{row['pages']:,} pages, {row['events']:,} events, {row['inserted']:,} inserted,"
        f" {row['duplicates']:,} duplicates, {row['rejected']:,} rejected"
    )
    reason = row["reason"] + (f" ({row['detail']})" if row["detail"] else "")
    if code == exitcodes.COMPLETE:
        logger.info("ingestion complete: run %d, %s; %s", row["run_id"], counts, reason)
    else:
        level = logging.WARNING if code == exitcodes.STOPPED else logging.ERROR
        hint = "the next run goes on from the stored position"
        logger.log(level, "run %d is %s: %s; %s; %s", row["run_id"], row["status"], reason, counts, hint)
    return code
