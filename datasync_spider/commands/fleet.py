"""``scrapy fleet [SOURCE | STREAM | SLICE | glob]…``: as ``scrapy sync``, in many processes, on one machine or many.

``scrapy fleet certificates | scheduler | worker`` makes what the processes of several machines need, and starts them.

Invariant: Dask is imported by none but this command, and only when it runs. Exit codes are those of ``scrapy sync``.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from scrapy.exceptions import UsageError

from datasync_spider.errors import ConfigurationError
from datasync_spider.observe import exitcodes
from datasync_spider.ops.command import DatasyncCommand, load_config

if TYPE_CHECKING:
    import argparse

    from datasync_spider.config import Config
    from datasync_spider.fleet.dask.workers import Place

_SYNCS_AT_ONCE = 4
_SLICES_OF_A_BUNDLE = 16
_PORT = 8786
_LOOPBACK = "127.0.0.1"
_OPTIONS = {
    "": {"local", "scheduler", "certificates", "follow", "concurrency", "bundle", "dashboard", "json"},
    "certificates": {"certificates"},
    "scheduler": {"certificates", "host", "port", "dashboard"},
    "worker": {"certificates", "scheduler", "host", "port", "processes"},
}
# Without a host on all interfaces.
_ADDRESS = re.compile(r"(?:[A-Za-z0-9_.-]*|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}")
_NUMBERS = ("local", "concurrency", "bundle", "processes")


class Command(DatasyncCommand):
    """See the module's text."""

    _action: str
    _names: list[str]

    def syntax(self) -> str:
        return "[options] [SOURCE | STREAM | SLICE | pattern]… | certificates | scheduler | worker"

    def short_desc(self) -> str:
        return "Sync what is due, or what is named, in many processes, by Dask: of this machine, or of many"

    def long_desc(self) -> str:
        return (
            "Names, --follow and --json are as those of scrapy sync. A worker syncs bundles of slices, each in a"
            " process. Without --scheduler there are workers here as long as it runs. For several machines:"
            " certificates makes an authority and certificates, which they all need; scheduler and worker start one."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        add = parser.add_argument
        add("--local", metavar="N", type=int, help="so many workers here, where no scheduler is named (CPUs)")
        add("--scheduler", metavar="tls://HOST:PORT", help="the scheduler of the workers; worker: of this one")
        add("--certificates", metavar="DIR", help="where they are, or are made (fleet in DATASYNC_HOME)")
        add("--follow", action="store_true", help="go on with what becomes due, until a signal to stop")
        text = f"so many slices at once in each process of a worker ({_SYNCS_AT_ONCE})"
        add("--concurrency", metavar="N", type=int, help=text)
        text = f"so many slices at most for each process of a worker ({_SLICES_OF_A_BUNDLE})"
        add("--bundle", metavar="N", type=int, help=text)
        text = "serve Dask's own page there, which wants bokeh, to whoever asks; also of scheduler"
        add("--dashboard", metavar="HOST:PORT", help=text)
        add("--json", action="store_true", help="print one JSON object a slice, and one for all of them")
        text = f"scheduler, worker: the address to listen on ({_LOOPBACK}; of a worker that to the scheduler)"
        add("--host", metavar="ADDRESS", help=text)
        add("--port", metavar="N", type=int, help=f"scheduler, worker: the port ({_PORT}; of a worker any)")
        add("--processes", metavar="N", type=int, help="worker: so many processes at once (CPUs)")

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        super().process_options([], opts)
        if unknown := [name for name in args if name.startswith("-")]:
            raise UsageError(f"unexpected: {' '.join(unknown)}", print_help=False)
        self._action = args[0] if args and args[0] in _OPTIONS else ""
        self._names = args[1:] if self._action else args
        if self._action and self._names:
            raise UsageError(f"{self._action} takes no names: {' '.join(self._names)}", print_help=False)
        _check(self._action, opts)

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        from datasync_spider.fleet.dask.installed import check_installed

        assert self.settings is not None
        try:
            # Before a database is started or asked, of which the others want none.
            check_installed(opts.dashboard)
            if not self._action:
                super().run(args, opts)
            else:
                self.exitcode = self._node(load_config(self.settings), opts)
        except ConfigurationError as error:
            print(f"{self.name}: {error}", file=sys.stderr)
            self.exitcode = exitcodes.BAD_CONFIGURATION

    def execute(self, database_url: str, config: Config, opts: argparse.Namespace) -> int:
        from datasync_spider.fleet.dask.driving import Driving, Order
        from datasync_spider.fleet.reporting import Ends

        assert self.settings is not None
        place = _place(database_url, config, opts)
        at_once, size = opts.concurrency or _SYNCS_AT_ONCE, opts.bundle or _SLICES_OF_A_BUNDLE
        order = Order(self._names, opts.follow, size, at_once)
        ends = Ends(as_json=opts.json, logs_json=config.log_format == "json")
        return Driving(self.settings, config, database_url, order, place).run(ends)

    def _node(self, config: Config, opts: argparse.Namespace) -> int:
        from datasync_spider.fleet.dask.certificates import make_certificates, security_of
        from datasync_spider.fleet.dask.nodes import Listening, run_scheduler, run_worker

        directory = _certificates(config, opts)
        if self._action == "certificates":
            for path in make_certificates(directory):
                print(path)
            return exitcodes.COMPLETE
        security = security_of(directory, self._action)
        if self._action == "scheduler":
            port = _PORT if opts.port is None else opts.port
            return run_scheduler(security, Listening(opts.host or _LOOPBACK, port), opts.dashboard)
        if config.database_url is None:
            raise ConfigurationError("DATABASE_URL is not set, and a worker has no database of its own")
        processes = opts.processes or os.cpu_count() or 1
        return run_worker(security, opts.scheduler, Listening(opts.host, opts.port or 0), processes)


def _check(action: str, opts: argparse.Namespace) -> None:
    for name in sorted(set().union(*_OPTIONS.values()) - _OPTIONS[action]):
        if getattr(opts, name) not in {None, False}:
            raise UsageError(f"--{name} does not go with {action or 'what is synced'}", print_help=False)
    for name in _NUMBERS:
        if (given := getattr(opts, name)) is not None and given < 1:
            raise UsageError(f"--{name} must be at least 1", print_help=False)
    if opts.dashboard is not None and not _ADDRESS.fullmatch(opts.dashboard):
        raise UsageError(f"--dashboard {opts.dashboard}: it is to be HOST:PORT", print_help=False)
    if opts.scheduler is None and action == "worker":
        raise UsageError("worker needs --scheduler tls://HOST:PORT", print_help=False)
    if opts.scheduler is not None and not opts.scheduler.startswith("tls://"):
        raise UsageError(f"--scheduler {opts.scheduler}: only tls://HOST:PORT is spoken to", print_help=False)
    if opts.scheduler is not None and opts.local is not None:
        raise UsageError("the workers are here (--local), or a scheduler's (--scheduler)", print_help=False)
    if opts.set and not action:
        text = "-s does not reach the processes of workers: set it in the environment, or in .env"
        raise UsageError(text, print_help=False)


def _place(database_url: str, config: Config, opts: argparse.Namespace) -> Place:
    from datasync_spider.fleet.dask.certificates import DRIVER, security_of
    from datasync_spider.fleet.dask.workers import Here, There

    if opts.scheduler is None:
        if config.database_url is None:
            # The workers of this machine write to the embedded one, which is ours to start and to end.
            os.environ["DATABASE_URL"] = database_url
        return Here(opts.local or os.cpu_count() or 1, opts.dashboard)
    if config.database_url is None:
        raise ConfigurationError("DATABASE_URL is not set, and workers of other machines cannot reach the embedded one")
    return There(opts.scheduler, security_of(_certificates(config, opts), DRIVER))


def _certificates(config: Config, opts: argparse.Namespace) -> Path:
    return Path(opts.certificates) if opts.certificates else config.home / "fleet"
