"""``scrapy sync [SOURCE | STREAM | SLICE | glob]…``: many slices in one process, several side by side.

With names it syncs those slices, due or not; without, what is due by the database; with ``--follow`` it goes on with
what becomes due until a signal comes.

Invariant: each sync is as good as a crawl of its own: it has its lease, its run and its verdict, and its end is made
from its run's row. The exit code is the worst end's; of ``--follow`` it is that of the signal, since what has failed
may have recovered since.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from contextlib import ExitStack, closing, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from scrapy.commands import ScrapyCommand
from scrapy.crawler import AsyncCrawlerProcess
from scrapy.exceptions import UsageError

from datasync_spider.config import Config
from datasync_spider.errors import ConfigurationError, Stalled, Stopped, StorageError
from datasync_spider.faces.liveview.mode import DRAWN, SIDE_BY_SIDE, may_be_drawn
from datasync_spider.faces.metrics.listening import reserved_port
from datasync_spider.fleet.agenda import Agenda, plans_of
from datasync_spider.fleet.claims import Claims
from datasync_spider.fleet.crawling import FOR_THE_FIRST_REQUEST, Crawls
from datasync_spider.fleet.ends import end_of_error, not_begun
from datasync_spider.fleet.naming import Meant, Streams
from datasync_spider.fleet.notices.notifying import Notifier
from datasync_spider.fleet.reporting import Ends
from datasync_spider.fleet.roster import read_roster
from datasync_spider.fleet.showing import shown
from datasync_spider.fleet.sidebyside import SideBySide, Synced
from datasync_spider.fleet.starting import prepare, register
from datasync_spider.fleet.supplies import Named, Reading, WhatIsDue
from datasync_spider.fleet.watching import Watching
from datasync_spider.observe import exitcodes
from datasync_spider.ops.command import api, check_way, checked_config, database, stoppable
from datasync_spider.process.bundlepipe import end_with_worker, pipe_of
from datasync_spider.process.importing import imported_meanwhile
from datasync_spider.sync.services import Services

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from datasync_spider.fleet.supplies import Supply
    from datasync_spider.sync.plan import SyncPlan

logger = logging.getLogger(__name__)

_PLACES = 4


class Command(ScrapyCommand):
    """See the module's text."""

    requires_project = True
    _config: Config
    _ends: Ends
    _is_alone: bool

    def syntax(self) -> str:
        return "[options] [SOURCE | STREAM | SLICE | pattern]…"

    def short_desc(self) -> str:
        return "Sync what is due, or what is named: many slices in one process, several at once"

    def long_desc(self) -> str:
        return (
            "Without names, what is due by `every` of the sources' files and by SYNC_EVERY; with names, those, due or"
            ' not: shop, shop.orders, \'shop.orders {"tenant":"a"}\', or patterns of them. METRICS_PORT serves the'
            " metrics of all that it syncs, and whether anything is late."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        add = parser.add_argument
        add("--follow", action="store_true", help="go on with what becomes due, until a signal to stop")
        add("--concurrency", metavar="N", type=int, default=_PLACES, help=f"so many slices at once ({_PLACES})")
        add("--json", action="store_true", help="print one JSON object a slice, and one for all of them")

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        super().process_options(args, opts)
        if unknown := [name for name in args if name.startswith("-")]:
            raise UsageError(f"unexpected: {' '.join(unknown)}", print_help=False)
        if opts.concurrency < 1:
            raise UsageError("--concurrency must be at least 1", print_help=False)
        assert self.settings is not None
        if (pipe := pipe_of(os.environ)) is not None:
            end_with_worker(pipe)
        try:
            self._config = checked_config(self.settings)
        except ConfigurationError as error:
            if opts.json:
                print(json.dumps({"exit_code": exitcodes.BAD_CONFIGURATION, "detail": str(error)}), flush=True)
            print(f"configuration error: {error}", file=sys.stderr)
            raise SystemExit(exitcodes.BAD_CONFIGURATION) from None

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        assert self.settings is not None
        self.settings.set(SIDE_BY_SIDE, True, priority="cmdline")
        # A worker of a fleet has started many such processes, on one terminal and with one setting of a port.
        self._is_alone = pipe_of(os.environ) is None
        is_drawn = self._is_alone and not opts.json and may_be_drawn(self.settings, self._config.log_format)
        self.settings.set(DRAWN, is_drawn, priority="cmdline")
        self._ends = Ends(as_json=opts.json, logs_json=self._config.log_format == "json", sums_up=is_drawn)
        try:
            with imported_meanwhile(*FOR_THE_FIRST_REQUEST):
                signal_name = self._served(args, opts)
        except (ConfigurationError, StorageError, Stalled, Stopped) as error:
            signal_name = None
            self._ends.others([end_of_error(error)])
        self._ends.whole()
        self.exitcode = exitcodes.STOPPED if opts.follow and signal_name else self._ends.total.code

    def _served(self, names: Sequence[str], opts: argparse.Namespace) -> str | None:
        """The signal that has stopped it."""
        assert self.settings is not None
        assert isinstance(self.crawler_process, AsyncCrawlerProcess)
        if self._config.database_url is None and not self._is_alone:
            raise ConfigurationError("DATABASE_URL is not set, and a worker of a fleet has no database of its own")
        # Before a database is started or asked.
        streams = Streams(self.settings)
        meant = streams.meant(names)
        is_by_name = bool(names) and not opts.follow
        with ExitStack() as started:
            if self._is_alone:
                started.enter_context(reserved_port(self.settings, self._config))
            with stoppable():
                database_url = started.enter_context(database(self.settings, self._config))
                prepare(database_url, self._config.stall_timeout_seconds)
                spiders = meant.spiders if names else list(streams.spiders.values())
                self._start_mock(spiders, started, needs_rhythm=not is_by_name)
                services = started.enter_context(closing(Services(database_url, self._config.database_connections)))
                supply: Supply
                if is_by_name:
                    supply = Named(
                        Agenda(meant.spiders, lambda spider: self._plans(spider, meant, services), forgives=True)
                    )
                else:
                    supply = self._what_is_due(names, services, follows=opts.follow)
                watching = Watching(services, (lambda: supply.kept) if opts.follow else None)
                crawls = Crawls(self.crawler_process, services, opts.concurrency, watching.made)
            serves = self._is_alone and self._config.metrics_port is not None
            started.enter_context(shown(watching, supply, self.settings, self._config, serves=serves))

            def synced(one: Synced) -> None:
                watching.ended(one)
                self._synced(one)

            SideBySide(crawls, supply, opts.concurrency, watching.begins, synced, self._ends.others).run()
        self._ends.others(supply.ends)
        self._ends.others(not_begun(supply.left, self._ends.stopped, crawls.signal_name))
        return crawls.signal_name

    def _synced(self, synced: Synced) -> None:
        spec = synced.plan.spec
        self._ends.synced(synced.end, spec.name, spec.slice, synced.seconds)

    def _plans(self, spider: type[Any], meant: Meant, services: Services) -> list[SyncPlan]:
        assert self.settings is not None
        plans = plans_of(spider, self.settings, {}, services.pool, partial(meant.slices, spider))
        for plan in plans[:1]:
            check_way(plan)
        return plans

    def _what_is_due(self, names: Sequence[str], services: Services, *, follows: bool) -> WhatIsDue:
        assert self.settings is not None
        settings = self.settings
        roster = read_roster(settings, names, services.pool, is_first=True)
        claims = Claims(services)
        register(claims, roster, services.pool, self._config.stall_timeout_seconds)
        self._ends.others(roster.ends)
        if not roster.turns:
            logger.warning("no stream that is meant says how often it is to be synced (every, SYNC_EVERY)")
        reading = Reading(lambda: read_roster(settings, names, services.pool), self._config.sources_dir)
        notifier = Notifier(Config.from_settings(settings), services)
        return WhatIsDue(roster, claims, reading, notifier, self._ends.others, follows=follows)

    def _start_mock(self, spiders: Sequence[type[Any]], started: ExitStack, *, needs_rhythm: bool) -> None:
        """Where the API that comes with the project is meant, and is the bundled mock."""
        assert self.settings is not None
        for spider in spiders:
            # What is wrong with a plan is said where it is made to be carried out.
            with suppress(ConfigurationError):
                plans = spider.make_plans(self.settings, {}) if spider.source is None else []
                for plan in plans:
                    if plan.base_url is None and not (needs_rhythm and plan.every_seconds is None):
                        started.enter_context(api(self.settings, plan))
