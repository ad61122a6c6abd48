"""``scrapy rejected``: what could not be stored, in groups and one by one, made safe to look at.

Exit code 0; 1 where ``--raw`` names an event that is not there.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from scrapy.exceptions import UsageError

from datasync_spider.observe import exitcodes
from datasync_spider.ops.command import DatasyncCommand, chosen_slice, is_migrated

if TYPE_CHECKING:
    import argparse

    from datasync_spider.config import Config
    from datasync_spider.storage.registry import Slice

_LISTED = 20


class Command(DatasyncCommand):
    """See the module's text."""

    def short_desc(self) -> str:
        return "Show the events that could not be stored, and why"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        add = parser.add_argument
        add("--reason", metavar="SLUG", help="only those that were rejected for this reason")
        add("--run", metavar="N", type=int, help="only those that this run met first")
        add("--limit", metavar="N", type=int, default=_LISTED, help=f"list at most so many, 0: groups only ({_LISTED})")
        add("--all", action="store_true", help="also those that a replay has resolved")
        add("--raw", metavar="ID", type=int, help="write the exact bytes of this one to standard output")
        add("--json", action="store_true", help="print one JSON object")

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        super().process_options(args, opts)
        if args:
            raise UsageError(f"unexpected: {' '.join(args)}", print_help=False)
        if opts.limit < 0:
            raise UsageError("--limit must not be below 0", print_help=False)

    def execute(self, database_url: str, config: Config, opts: argparse.Namespace) -> int:
        from datasync_spider.ops.deadletters.listing import HEAD_BYTES, as_lines, as_report
        from datasync_spider.storage.connection import connected
        from datasync_spider.storage.deadletters import Chosen, count_dead_letters, read_bytes, read_groups, read_list

        with connected(database_url) as connection:
            if not is_migrated(connection):
                return exitcodes.FAILED
            slice_ = chosen_slice(connection, self.plan(with_secrets=False))
            if opts.raw is not None:
                return _write(read_bytes(connection, slice_, opts.raw), slice_, opts.raw)
            chosen = Chosen(slice_, opts.reason, opts.run, with_replayed=opts.all)
            count = count_dead_letters(connection, chosen)
            groups = read_groups(connection, chosen, HEAD_BYTES)
            dead_letters = read_list(connection, chosen, opts.limit, HEAD_BYTES)
        if opts.json:
            print(json.dumps(as_report(chosen, count, groups, dead_letters)))
        else:
            print("\n".join(as_lines(chosen, count, groups, dead_letters)))
        return exitcodes.COMPLETE


def _write(raw: bytes | None, slice_: Slice, rejected_id: int) -> int:
    if raw is None:
        print(f"stream {slice_} has no rejected event {rejected_id}", file=sys.stderr)
        return exitcodes.FAILED
    try:
        sys.stdout.buffer.write(raw)
        sys.stdout.buffer.flush()
    except OSError:
        # These are not its exact bytes. The reason is said when the process ends.
        return exitcodes.FAILED
    return exitcodes.COMPLETE
