"""``scrapy verify``: proves the promise for the database as it stands, also while a crawl runs.

Exit code 0: everything holds. 3: all that is wrong is that the API counts more than is accounted for. 1: anything else.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

from datasync_spider import exitcodes
from datasync_spider.command import DatasyncCommand, api, chosen_slice, typed
from datasync_spider.errors import ConfigurationError

if TYPE_CHECKING:
    import argparse

    from datasync_spider.config import Config
    from datasync_spider.storage.connection import Connection
    from datasync_spider.storage.registry import Slice
    from datasync_spider.storage.verification import Facts
    from datasync_spider.syncplan import SyncPlan
    from datasync_spider.verification.completeness import Told
    from datasync_spider.verification.letters import Letters


class Command(DatasyncCommand):
    """See the module's text."""

    def short_desc(self) -> str:
        return "Prove that nothing is missing or there twice, and that all books agree"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument("--no-api", action="store_true", help="do not ask the API for its total (one request)")

    def execute(self, database_url: str, config: Config, opts: argparse.Namespace) -> int:
        from datasync_spider.storage.connection import connected
        from datasync_spider.storage.credentials import find_waits
        from datasync_spider.storage.interruption import interruptible
        from datasync_spider.storage.migrate import load_migrations, pending_migrations
        from datasync_spider.storage.registry import find_slice
        from datasync_spider.storage.shape import check_tables
        from datasync_spider.storage.verification import snapshot
        from datasync_spider.verification.check import exit_code
        from datasync_spider.verification.judging import judge
        from datasync_spider.verification.report import as_lines, as_report

        started = time.monotonic()
        with connected(database_url) as connection:
            check_tables(connection)
            if pending_migrations(connection, load_migrations()):
                print(
                    f"the schema is not up to date: run '{typed()} migrate' (a crawl does so by itself)",
                    file=sys.stderr,
                )
                return exitcodes.FAILED
            plan = self.plan(with_secrets=not opts.no_api)
            slice_ = chosen_slice(connection, plan)
            if find_slice(connection, plan.spec.name, plan.spec.reader, plan.spec.slice) is None:
                print(f"stream {slice_} has never been started: there is nothing to verify", file=sys.stderr)
                return exitcodes.FAILED
            closed_seconds = max(find_waits(connection, plan.spec.credential, slice_.slice_id).closed)
        # Asked before anything is counted: what comes in meanwhile may only add to what is accounted for.
        told = None if opts.no_api else self._ask(plan, closed_seconds)
        with snapshot(database_url) as connection:
            facts, letters = interruptible(connection, lambda: _look(connection, slice_))
        checks = judge(facts, letters, told)
        report = as_report(str(slice_), facts.books.read_at, time.monotonic() - started, checks, facts.events)
        print(json.dumps(report) if opts.json else "\n".join(as_lines(report)))
        return exit_code(checks)

    def _ask(self, plan: SyncPlan, closed_seconds: float) -> Told:
        from datasync_spider.verification.asking import ask_total
        from datasync_spider.verification.completeness import Told

        assert self.settings is not None
        try:
            with api(self.settings, plan):
                return ask_total(self.plan(), closed_seconds)
        except ConfigurationError as error:
            return Told(None, str(error), "correct what it names, or leave the API out with --no-api")


def _look(connection: Connection, slice_: Slice) -> tuple[Facts, Letters]:
    from datasync_spider.storage.verification import read_facts
    from datasync_spider.verification.letters import look_through

    facts = read_facts(connection, slice_)
    return facts, look_through(connection, slice_, facts.events.booked_ids)
