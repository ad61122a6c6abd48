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
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

from scrapy.commands import ScrapyCommand
from scrapy.crawler import AsyncCrawlerProcess
from scrapy.exceptions import UsageError

from datasync_spider.config import Config
from datasync_spider.errors import ConfigurationError, Stalled, Stopped, StorageError
from datasync_spider.faces.exitreport.printing import End, redacted, say
from datasync_spider.faces.exitreport.several import Total, line_of, object_of
from datasync_spider.faces.liveview.mode import SIDE_BY_SIDE
from datasync_spider.fleet.agenda import Agenda
from datasync_spider.fleet.claims import Claims
from datasync_spider.fleet.crawling import FOR_THE_FIRST_REQUEST, Crawls
from datasync_spider.fleet.ends import end_of_error, not_begun
from datasync_spider.fleet.naming import Meant, Streams
from datasync_spider.fleet.notices.notifying import Notifier
from datasync_spider.fleet.roster import read_roster
from datasync_spider.fleet.sidebyside import SideBySide, Synced
from datasync_spider.fleet.starting import prepare, register
from datasync_spider.fleet.supplies import Named, Reading, WhatIsDue
from datasync_spider.observe import exitcodes
from datasync_spider.ops.command import api, check_way, database, load_config, stoppable
from datasync_spider.process.importing import imported_meanwhile
from datasync_spider.process.workers import Worker

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
    _ends: _Ends

    def syntax(self) -> str:
        return "[options] [SOURCE | STREAM | SLICE | pattern]…"

    def short_desc(self) -> str:
        return "Sync what is due, or what is named: many slices in one process, several at once"

    def long_desc(self) -> str:
        return (
            "Without names, what is due by `every` of the sources' files and by SYNC_EVERY; with names, those, due or"
            ' not: shop, shop.orders, \'shop.orders {"tenant":"a"}\', or patterns of them. There is no live view, and'
            " METRICS_PORT is not listened on: scrapy dashboard shows and serves all of it."
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
        self._config = load_config(self.settings)

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        assert self.settings is not None
        self.settings.set(SIDE_BY_SIDE, True, priority="cmdline")
        self._ends = _Ends(as_json=opts.json, logs_json=self._config.log_format == "json")
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
        # Before a database is started or asked.
        streams = Streams(self.settings)
        meant = streams.meant(names)
        is_by_name = bool(names) and not opts.follow
        with ExitStack() as services:
            with stoppable():
                database_url = services.enter_context(database(self.settings, self._config))
                prepare(database_url, self._config.stall_timeout_seconds)
                spiders = meant.spiders if names else list(streams.spiders.values())
                self._start_mock(spiders, services, needs_rhythm=not is_by_name)
                supply: Supply
                if is_by_name:
                    supply = Named(Agenda(meant.spiders, lambda spider: self._plans(spider, meant), forgives=True))
                else:
                    supply = self._what_is_due(names, database_url, follows=opts.follow)
                crawls = Crawls(self.crawler_process)
            SideBySide(crawls, supply, opts.concurrency, database_url, self._ends.synced).run()
        self._ends.others(supply.ends)
        self._ends.others(not_begun(supply.left, self._ends.stopped, crawls.signal_name))
        return crawls.signal_name

    def _plans(self, spider: type[Any], meant: Meant) -> list[SyncPlan]:
        assert self.settings is not None
        plans = spider.make_plans(self.settings, {})
        for plan in plans[:1]:
            check_way(plan)
        return meant.of(spider, plans)

    def _what_is_due(self, names: Sequence[str], database_url: str, *, follows: bool) -> WhatIsDue:
        assert self.settings is not None
        settings = self.settings
        roster = read_roster(settings, names)
        claims = Claims(database_url)
        register(claims, roster, Config.from_settings(settings))
        self._ends.others(roster.ends)
        if not roster.turns:
            logger.warning("no stream that is meant says how often it is to be synced (every, SYNC_EVERY)")
        reading = Reading(lambda: read_roster(settings, names), self._config.sources_dir)
        notifier = Notifier(Config.from_settings(settings), Worker("datasync-notices"))
        return WhatIsDue(roster, claims, reading, notifier, self._ends.others, follows=follows)

    def _start_mock(self, spiders: Sequence[type[Any]], services: ExitStack, *, needs_rhythm: bool) -> None:
        """Where the API that comes with the project is meant, and is the bundled mock."""
        assert self.settings is not None
        for spider in spiders:
            # What is wrong with a plan is said where it is made to be carried out.
            with suppress(ConfigurationError):
                plans = spider.make_plans(self.settings, {}) if spider.source is None else []
                for plan in plans:
                    if plan.base_url is None and not (needs_rhythm and plan.every_seconds is None):
                        services.enter_context(api(self.settings, plan))


class _Ends:
    """Says each end as it comes, and what all of them come to."""

    def __init__(self, *, as_json: bool, logs_json: bool) -> None:
        self.total = Total()
        self._as_json = as_json
        self._logs_json = logs_json
        self._began = time.monotonic()

    @property
    def stopped(self) -> list[End]:
        """Those that tell of a signal."""
        return self.total.stopped

    def synced(self, synced: Synced) -> None:
        end, spec = synced.end, synced.plan.spec
        self.total.add(end)
        if self._as_json:
            self._print(object_of(end, spec.name, spec.slice, synced.seconds))
        else:
            line = line_of(end, spec.name, spec.slice, synced.seconds)
            say(End(end.code, [line], end.fields), as_json=self._logs_json)

    def others(self, ends: Sequence[End]) -> None:
        """Of what is no slice's sync."""
        for end in ends:
            self.total.add(end, is_slice=False)
            if self._as_json:
                self._print({"exit_code": end.code, "detail": end.lines[0]})
            else:
                say(End(end.code, end.lines[:1]), as_json=self._logs_json)

    def whole(self) -> None:
        seconds = time.monotonic() - self._began
        if self._as_json:
            self._print(self.total.as_object(seconds))
        else:
            say(End(self.total.code, [self.total.line(seconds)]), as_json=self._logs_json)

    def _print(self, fields: dict[str, Any]) -> None:
        print(redacted(json.dumps(fields)), flush=True)
