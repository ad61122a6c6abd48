"""``scrapy migrate``: brings the database's schema to this version, or says what is missing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from datasync_spider.errors import LeaseHeld, ObjectsInTheWay
from datasync_spider.observe import exitcodes
from datasync_spider.ops.command import DatasyncCommand

if TYPE_CHECKING:
    import argparse

    from datasync_spider.config import Config
    from datasync_spider.storage.migrate import Migration
    from datasync_spider.storage.upgrade import Upgrade


class Command(DatasyncCommand):
    """``--check`` changes nothing and says what is pending, what it will meet and what it will do.

    Tables that are not as our migrations make them are refused in any case.
    """

    def short_desc(self) -> str:
        return "Apply pending database migrations (a crawl does so by itself)"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        reported = (
            "change nothing, and say what will be done; exit 1 if migrations are pending, 4 if they wait for a run that"
            " is at work, 2 if something of others is in their way"
        )
        parser.add_argument("--check", action="store_true", help=reported)

    def execute(self, database_url: str, config: Config, opts: argparse.Namespace) -> int:
        from datasync_spider.storage.connection import LOCK_TIMEOUT_MS, NO_LOCK_TIMEOUT_MS, connected
        from datasync_spider.storage.interruption import interruptible
        from datasync_spider.storage.shape import check_tables
        from datasync_spider.storage.standstill import StandstillWatch, looking_on_from
        from datasync_spider.storage.tables import prepare_tables
        from datasync_spider.storage.upgrade import look_ahead

        try:
            # No one watches over a look.
            lock_timeout_ms = LOCK_TIMEOUT_MS if opts.check else NO_LOCK_TIMEOUT_MS
            with connected(database_url, lock_timeout_ms=lock_timeout_ms) as connection:
                if opts.check:
                    check_tables(connection)
                    return _say(look_ahead(connection))
                with (
                    StandstillWatch(looking_on_from(database_url), config.stall_timeout_seconds) as watch,
                    watch.over(connection),
                ):
                    interruptible(connection, lambda: prepare_tables(connection, on_applied=_report), watch)
        except LeaseHeld as error:
            print(f"{self.name}: {error}", file=sys.stderr)
            return exitcodes.LEASE_HELD
        except ObjectsInTheWay as error:
            print(f"{self.name}: {error}", file=sys.stderr)
            return exitcodes.BAD_CONFIGURATION
        print("the schema is up to date")
        return exitcodes.COMPLETE


def _say(upgrade: Upgrade) -> int:
    from datasync_spider.faces.progress.texts import counted

    if not upgrade.pending:
        print("the schema is up to date")
        return exitcodes.COMPLETE
    for migration in upgrade.pending:
        print(f"pending: {migration}")
    if upgrade.sharing is not None:
        print("\n".join(upgrade.sharing.lines()))
    if upgrade.weight is not None:
        print(f"locks: {upgrade.weight}")
    for run in upgrade.live_runs:
        print(f"waits for a run: {run}")
    for obstacle in upgrade.obstacles:
        print(f"in the way: {obstacle}: drop it, migrate, and make it again")
        print("".join(f"    {line}\n" for line in (obstacle.definition or "").splitlines()), end="")
    print(f"{counted(len(upgrade.pending), 'migration')} pending")
    if upgrade.obstacles:
        return exitcodes.BAD_CONFIGURATION
    return exitcodes.LEASE_HELD if upgrade.live_runs else exitcodes.FAILED


def _report(migration: Migration) -> None:
    print(f"applied: {migration}", flush=True)
