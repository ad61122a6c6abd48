"""``scrapy status``: what the database says of slices and their last runs, also while other processes sync them."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from scrapy.exceptions import UsageError

from datasync_spider.errors import ConfigurationError, Stopped, StorageUnavailable, WronglyCalled
from datasync_spider.observe import exitcodes
from datasync_spider.ops.command import DatasyncCommand, chosen_slice, is_migrated, typed

if TYPE_CHECKING:
    import argparse

    from datasync_spider.config import Config
    from datasync_spider.storage.connection import Connection
    from datasync_spider.storage.lines import SliceNames
    from datasync_spider.storage.registry import Slice

_STATUSES = ("complete", "incomplete", "stopped", "failed", "fenced", "running")


_WATCH_SECONDS = 1.0
_LAST_RUNS = 6
_MOST_MACHINES = 1_000
_HOME, _REST_OF_LINE, _REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"


class Command(DatasyncCommand):
    """Exit code 0, or 1 where ``--expect`` names another status than that of the last run, or of one of several.

    With ``--watch`` it looks again every second until it is interrupted, or no one reads it any more; the exit code is
    that of the last look.
    """

    _names: list[str]

    def syntax(self) -> str:
        return "[options] [SOURCE | STREAM | SLICE | pattern]…"

    def short_desc(self) -> str:
        return "Show how slices are: one with its position, lease and last runs, many as sums and those that fail"

    def long_desc(self) -> str:
        return (
            "Without names, the slice that STREAM and SLICE name where they are set, else all that there are. Names are"
            ' shop, shop.orders, \'shop.orders {"tenant":"a"}\', or patterns of them.'
        )

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        self._names = [name for name in args if not name.startswith("-")]
        super().process_options([name for name in args if name.startswith("-")], opts)
        if opts.machines and (self._names or opts.expect):
            raise UsageError("--machines takes neither names nor --expect", print_help=False)

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--json", action="store_true", help="print one JSON object a slice")
        parser.add_argument("--watch", action="store_true", help="look again every second until Ctrl-C")
        parser.add_argument(
            "--machines",
            action="store_true",
            help="where syncs run and have run within the last hour, a line a machine",
        )
        parser.add_argument("--expect", choices=_STATUSES, help="exit 1 unless the last run has this status")

    def execute(self, database_url: str, config: Config, opts: argparse.Namespace) -> int:
        from datasync_spider.process.standardstreams import reader_is_gone

        if not opts.watch:
            return self._look(database_url, config, opts, _print)
        code = exitcodes.FAILED
        show = _redraw if sys.stdout.isatty() and not opts.json else _print
        with suppress(Stopped):
            while not reader_is_gone():
                try:
                    code = self._look(database_url, config, opts, show)
                except ConfigurationError as error:
                    # A crawl that is about to begin its stream may be what is watched for.
                    code = exitcodes.BAD_CONFIGURATION
                    print(f"{self.name}: {error}", file=sys.stderr)
                except StorageUnavailable as error:
                    # Whoever watches wants to see it come back.
                    print(f"{self.name}: {error}", file=sys.stderr)
                time.sleep(_WATCH_SECONDS)
        return code

    def _look(self, database_url: str, config: Config, opts: argparse.Namespace, show: Callable[[str], None]) -> int:
        from datasync_spider.storage.connection import connected

        with connected(database_url) as connection:
            if not is_migrated(connection):
                return exitcodes.FAILED
            if opts.machines:
                return _look_at_machines(connection, opts, show)
            meant = self._meant(connection, config)
            slice_ = self._one(connection, meant)
            if slice_ is None:
                assert meant is not None
                return _look_at_many(connection, meant, opts, show)
            return _look_at_one(connection, slice_, opts, show)

    def _meant(self, connection: Connection, config: Config) -> list[SliceNames] | None:
        """Of all that have a line; None: the slice that STREAM and SLICE name, or the first one while there is none."""
        from datasync_spider.observe.display import visible
        from datasync_spider.ops.registry.choosing import choose_slices
        from datasync_spider.storage.lines import read_line_names

        if config.is_slice_given and not self._names:
            return None
        known = read_line_names(connection)
        connection.rollback()
        try:
            return choose_slices(known, self._names) if self._names else known or None
        except WronglyCalled as error:
            raise WronglyCalled(visible(str(error))) from None

    def _one(self, connection: Connection, meant: list[SliceNames] | None) -> Slice | None:
        """The slice, where one is meant; one that is named and was never begun is no more than a line."""
        from datasync_spider.config.sourcefiles import built_in_source
        from datasync_spider.records.recordreader import RecordReader
        from datasync_spider.storage.registry import FIRST_STREAM, find_slice

        if meant is None:
            return chosen_slice(connection, self.plan(with_secrets=False))
        if len(meant) > 1:
            return None
        # Of whatever stream it is: none of its records is read here.
        reader = RecordReader.of(built_in_source().streams[FIRST_STREAM])
        found = find_slice(connection, meant[0].stream, reader, meant[0].slice)
        connection.rollback()
        return found


def _look_at_one(connection: Connection, slice_: Slice, opts: argparse.Namespace, show: Callable[[str], None]) -> int:
    from datasync_spider.observe.display import visible
    from datasync_spider.ops.registry.slicereport import line_report, slice_report
    from datasync_spider.ops.registry.slicestatus import slice_lines
    from datasync_spider.storage.credentials import waits_of
    from datasync_spider.storage.lines import SliceNames, read_slices
    from datasync_spider.storage.polls import read_poll
    from datasync_spider.storage.status import read_last_backfill, read_last_runs, read_state

    state = read_state(connection, slice_.slice_id)
    if state is None:
        raise ConfigurationError(f"stream {slice_} has been dropped meanwhile")
    # Nothing says how one is that was never begun.
    lines = read_slices(connection, [SliceNames(state["source"], state["stream"], state["slice"])])
    connection.rollback()
    runs = read_last_runs(connection, slice_.slice_id, _LAST_RUNS)
    # Earlier ones count what is forgotten.
    current = [run for run in runs if run["run_id"] >= state["first_run_id"]]
    doing = _activity(connection, current[0]["run_id"]) if current else None
    backfill = read_last_backfill(connection, slice_.slice_id)
    waits = waits_of(connection, state["credential_id"])
    report = {
        **line_report(lines[0] if lines else None),
        **slice_report(slice_, state, runs, current, backfill, doing, waits),
        "next_sync_in_seconds": read_poll(connection, slice_.slice_id),
    }
    if opts.json:
        show(json.dumps(report, default=_plain))
    else:
        show("\n".join(visible(line) for line in slice_lines(report, typed())))
    run = report["run"]
    return _judged([run["status"] if run else None], opts)


def _look_at_many(
    connection: Connection, meant: list[SliceNames], opts: argparse.Namespace, show: Callable[[str], None]
) -> int:
    from datasync_spider.ops.registry.manystatus import slice_objects, summary

    objects = slice_objects(connection, meant) if opts.json or opts.expect else []
    if opts.json:
        show("\n".join(json.dumps(each, default=_plain) for each in objects))
    else:
        # A line for all, one for the table's head, and the prompt.
        screen = max(1, shutil.get_terminal_size().lines - 3)
        show("\n".join(summary(connection, meant, screen, typed())))
    return _judged([each["run"] and each["run"]["status"] for each in objects], opts)


def _look_at_machines(connection: Connection, opts: argparse.Namespace, show: Callable[[str], None]) -> int:
    from datasync_spider.ops.registry.linelist import machine_lines, machine_object
    from datasync_spider.storage.machines import read_machines

    found = read_machines(connection, after=0, limit=_MOST_MACHINES)
    if opts.json:
        show("\n".join(json.dumps(machine_object(row), default=_plain) for row in found.lines))
    else:
        show("\n".join(machine_lines(found)))
    return exitcodes.COMPLETE


def _judged(statuses: list[str | None], opts: argparse.Namespace) -> int:
    if opts.expect and any(status != opts.expect for status in statuses):
        return exitcodes.FAILED
    return exitcodes.COMPLETE


def _print(text: str) -> None:
    print(text, flush=True)


def _redraw(text: str) -> None:
    """Over the former text, line by line, so that nothing flickers; what does not fit on the screen is left out."""
    height = max(1, shutil.get_terminal_size().lines - 1)
    lines = "".join(f"{line}{_REST_OF_LINE}\n" for line in text.splitlines()[:height])
    sys.stdout.write(f"{_HOME}{lines}{_REST_OF_SCREEN}")
    sys.stdout.flush()


def _activity(connection: Connection, run_id: int) -> dict[str, str]:
    """What the run does or how it ended, in the words of the status page."""
    from datasync_spider.faces.dashboard.activity import activity
    from datasync_spider.storage.dashboard import read_recent_pages, read_runs_by_id

    (row,) = read_runs_by_id(connection, [run_id])
    doing = activity(row, read_recent_pages(connection, [run_id]).get(run_id), row["read_at"])
    connection.rollback()
    return {"state": doing.state, "words": doing.words, "advice": doing.advice}


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a status report")
