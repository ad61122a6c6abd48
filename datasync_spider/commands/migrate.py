"""``scrapy migrate``: brings the database's schema to this version, or says what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from datasync_spider import exitcodes
from datasync_spider.command import DatasyncCommand
from datasync_spider.storage.connect import connected
from datasync_spider.storage.interruption import interruptible
from datasync_spider.storage.migrate import Migration, load_migrations, pending_migrations
from datasync_spider.storage.shape import check_tables
from datasync_spider.storage.standstill import StandstillWatch
from datasync_spider.storage.tables import prepare_tables

if TYPE_CHECKING:
    import argparse

    from datasync_spider.config import Config


class Command(DatasyncCommand):
    """``--check`` changes nothing and exits 1 where migrations are pending.

    Tables that are not as our migrations make them are refused in any case.
    """

    def short_desc(self) -> str:
        return "Apply pending database migrations (a crawl does so by itself)"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if migrations are pending")

    def execute(self, database_url: str, config: Config, opts: argparse.Namespace) -> int:
        with connected(database_url) as connection:
            if opts.check:
                check_tables(connection)
                pending = pending_migrations(connection, load_migrations())
                for migration in pending:
                    print(f"pending: {migration}")
                print(f"{len(pending)} migrations pending" if pending else "the schema is up to date")
                return exitcodes.FAILED if pending else exitcodes.COMPLETE
            with StandstillWatch(database_url, config.stall_timeout_seconds) as watch, watch.over(connection):
                interruptible(connection, lambda: prepare_tables(connection, on_applied=_tell), watch)
        print("the schema is up to date")
        return exitcodes.COMPLETE


def _tell(migration: Migration) -> None:
    print(f"applied: {migration}", flush=True)
