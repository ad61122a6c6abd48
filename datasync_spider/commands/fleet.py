"""``scrapy fleet [SOURCE | STREAM | SLICE | glob]…``: as ``scrapy sync``, in many processes, on one machine or many.

``scrapy fleet certificates | scheduler | worker`` makes what the processes of several machines need, and starts them.

Invariant: Dask is imported by none but this command, and only when it runs. Exit codes are those of ``scrapy sync``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from scrapy.exceptions import UsageError

from datasync_spider.ops.command import DatasyncCommand

if TYPE_CHECKING:
    import argparse

    from datasync_spider.config import Config

_SYNCS_AT_ONCE = 4
_SLICES_OF_A_BUNDLE = 16


class Command(DatasyncCommand):
    """See the module's text."""

    _names: list[str]

    def syntax(self) -> str:
        return "[options] [SOURCE | STREAM | SLICE | pattern]…"

    def short_desc(self) -> str:
        return "Sync what is due, or what is named, in many processes, by Dask: of this machine, or of many"

    def long_desc(self) -> str:
        return (
            "Names, --follow and --json are as those of scrapy sync. Each worker is a process, and syncs a bundle of"
            " slices in a process of its own."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        add = parser.add_argument
        add("--local", metavar="N", type=int, help="so many workers here, where no scheduler is named (CPUs)")
        add("--follow", action="store_true", help="go on with what becomes due, until a signal to stop")
        add(
            "--concurrency",
            metavar="N",
            type=int,
            default=_SYNCS_AT_ONCE,
            help=f"so many slices at once in each worker's process ({_SYNCS_AT_ONCE})",
        )
        add(
            "--bundle",
            metavar="N",
            type=int,
            default=_SLICES_OF_A_BUNDLE,
            help=f"so many slices at most for each process ({_SLICES_OF_A_BUNDLE})",
        )
        add("--dashboard", metavar="HOST:PORT", help="serve Dask's own page there; it wants bokeh, and asks for no key")
        add("--json", action="store_true", help="print one JSON object a slice, and one for all of them")

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        super().process_options([], opts)
        self._names = args
        if unknown := [name for name in args if name.startswith("-")]:
            raise UsageError(f"unexpected: {' '.join(unknown)}", print_help=False)
        for name in ("local", "concurrency", "bundle"):
            if (given := getattr(opts, name)) is not None and given < 1:
                raise UsageError(f"--{name} must be at least 1", print_help=False)
        if opts.set:
            raise UsageError(
                "-s does not reach the processes of workers: set it in the environment, or in .env", print_help=False
            )

    def execute(self, database_url: str, config: Config, opts: argparse.Namespace) -> int:
        from datasync_spider.fleet.dask.installed import check_installed

        check_installed()
        from datasync_spider.fleet.dask.driving import Driving, Order
        from datasync_spider.fleet.dask.workers import Here
        from datasync_spider.fleet.reporting import Ends

        assert self.settings is not None
        if config.database_url is None:
            # The workers of this machine write to the embedded one, which is ours to start and to end.
            os.environ["DATABASE_URL"] = database_url
        place = Here(opts.local or os.cpu_count() or 1, opts.dashboard)
        order = Order(self._names, opts.follow, opts.bundle, opts.concurrency)
        ends = Ends(as_json=opts.json, logs_json=config.log_format == "json")
        return Driving(self.settings, config, database_url, order, place).run(ends)
