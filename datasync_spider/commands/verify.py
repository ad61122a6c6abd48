"""``scrapy verify``: proves the promise for the database as it stands, also while a crawl runs.

Exit code 0: everything holds. 3: all that is wrong is that the API counts more than is accounted for. 1: anything else.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

from datasync_spider.errors import ConfigurationError
from datasync_spider.observe import exitcodes
from datasync_spider.ops.command import DatasyncCommand, api, chosen_slice, is_migrated

if TYPE_CHECKING:
    import argparse

    from datasync_spider.config import Config
    from datasync_spider.ops.verification.completeness import RemoteTotal
    from datasync_spider.ops.verification.deadletterchecks import DeadLetters
    from datasync_spider.storage.connection import Connection
    from datasync_spider.storage.registry import Slice
    from datasync_spider.storage.verification import Facts
    from datasync_spider.sync.plan import SyncPlan


class Command(DatasyncCommand):
    """See the module's text."""

    def short_desc(self) -> str:
        return "Prove that nothing is missing or there twice, and that all totals agree"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument("--no-api", action="store_true", help="do not ask the API for its total (one request)")

    def execute(self, database_url: str, config: Config, opts: argparse.Namespace) -> int:
        from datasync_spider.ops.verification.allchecks import check_all
        from datasync_spider.ops.verification.check import exit_code
        from datasync_spider.ops.verification.verified import as_lines, as_report
        from datasync_spider.storage.connection import connected
        from datasync_spider.storage.credentials import find_waits
        from datasync_spider.storage.interruption import interruptible
        from datasync_spider.storage.registry import find_slice
        from datasync_spider.storage.shape import check_tables
        from datasync_spider.storage.verification import snapshot

        started = time.monotonic()
        with connected(database_url) as connection:
            check_tables(connection)
            if not is_migrated(connection):
                return exitcodes.FAILED
            plan = self.plan(with_secrets=not opts.no_api)
            slice_ = chosen_slice(connection, plan)
            if find_slice(connection, plan.spec.name, plan.spec.reader, plan.spec.slice) is None:
                print(f"stream {slice_} has never been started: there is nothing to verify", file=sys.stderr)
                return exitcodes.FAILED
            closed_seconds = max(find_waits(connection, plan.spec.credential, slice_.slice_id).closed)
        # Asked before anything is counted: what comes in meanwhile may only add to what is accounted for.
        remote_total = None if opts.no_api else self._ask(plan, closed_seconds)
        with snapshot(database_url) as connection:
            facts, dead_letters = interruptible(connection, lambda: _look(connection, slice_))
        checks = check_all(facts, dead_letters, remote_total)
        report = as_report(str(slice_), facts.totals.read_at, time.monotonic() - started, checks, facts.events)
        print(json.dumps(report) if opts.json else "\n".join(as_lines(report)))
        return exit_code(checks)

    def _ask(self, plan: SyncPlan, closed_seconds: float) -> RemoteTotal:
        from datasync_spider.ops.verification.completeness import RemoteTotal
        from datasync_spider.ops.verification.remotetotal import ask_total

        assert self.settings is not None
        try:
            with api(self.settings, plan):
                return ask_total(self.plan(), closed_seconds)
        except ConfigurationError as error:
            return RemoteTotal(None, str(error), "correct what it names, or leave the API out with --no-api")


def _look(connection: Connection, slice_: Slice) -> tuple[Facts, DeadLetters]:
    from datasync_spider.ops.verification.deadletterchecks import look_through
    from datasync_spider.storage.verification import read_facts

    facts = read_facts(connection, slice_)
    return facts, look_through(connection, slice_, facts.events.recorded_ids)
