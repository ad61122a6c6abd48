"""``scrapy replay``: tries rejected events again in place, with this version's parser and the database as it is now.

A replay is a run of its stream: it takes the lease like a crawl. Exit code 0: all were tried, whatever came of them. 1:
failed, what was committed stays. 4: another run of the stream is active. 5: stopped by a signal.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from datasync_spider.errors import LeaseHeld
from datasync_spider.observe import exitcodes
from datasync_spider.ops.command import DatasyncCommand, chosen_slice, is_migrated

if TYPE_CHECKING:
    import argparse

    from datasync_spider.config import Config
    from datasync_spider.ops.deadletters.replaying import Totals
    from datasync_spider.storage.registry import Slice


class Command(DatasyncCommand):
    """See the module's text."""

    def short_desc(self) -> str:
        return "Try rejected events again, after an upgrade or when the database was mended"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--reason", metavar="SLUG", help="only those that were rejected for this reason")
        parser.add_argument("--dry-run", action="store_true", help="change nothing, and say what would become of them")

    def execute(self, database_url: str, config: Config, opts: argparse.Namespace) -> int:
        from datasync_spider.ops.deadletters.replaying import rehearse, replay
        from datasync_spider.storage.connection import connected
        from datasync_spider.storage.deadletters import Chosen
        from datasync_spider.storage.shape import check_tables

        with connected(database_url) as connection:
            check_tables(connection)
            if not is_migrated(connection):
                return exitcodes.FAILED
            plan = self.plan(with_secrets=False)
            chosen = Chosen(chosen_slice(connection, plan), opts.reason)
        try:
            if opts.dry_run:
                totals = rehearse(database_url, chosen)
            else:
                totals = replay(database_url, chosen, plan.spec, config.lease_ttl_ms, config.stall_timeout_seconds)
        except LeaseHeld as error:
            print(f"replay: {error}", file=sys.stderr)
            return exitcodes.LEASE_HELD
        print("\n".join(_lines(chosen.slice, totals, dry_run=opts.dry_run)))
        return exitcodes.COMPLETE


def _lines(slice_: Slice, totals: Totals, *, dry_run: bool) -> list[str]:
    if not totals.tried:
        return [f"stream {slice_}: there is nothing to replay"]
    would = "would be" if dry_run else "are"
    run = f" (run {totals.run_id})" if totals.run_id is not None else ""
    lines = [
        f"stream {slice_}: {totals.tried:,} rejected events tried{run}",
        f"  {totals.stored:,} {would} stored now",
        f"  {totals.duplicates:,} are stored already: {'would be ' if dry_run else ''}counted as duplicates",
        f"  {totals.refused.total():,} stay rejected{_reasons(totals)}",
    ]
    if totals.conflicts:
        lines.append(f"  {totals.conflicts:,} differ from what is stored under their id: see event_conflicts")
    if totals.falls_short:
        lines.append("the stream holds less than the API counts: the next crawl reads the whole feed")
    if dry_run:
        lines.append("dry run: nothing was changed")
    return lines


def _reasons(totals: Totals) -> str:
    from datasync_spider.observe.display import visible

    reported = ", ".join(f"{visible(reason)} {count:,}" for reason, count in totals.refused.most_common())
    return f": {reported}" if reported else ""
