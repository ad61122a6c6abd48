"""``scrapy crawl``: Scrapy's own command, with the services it needs around it and an exit code that says the truth.

Invariant: the exit code is made from the run's row in the database. Scrapy calls a crawl finished whose every write
failed; a crawl that leaves no readable row has failed, unless it was refused the lease or stopped before it had a run.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from scrapy.commands import crawl

from datasync_spider import failpoints, signals
from datasync_spider.errors import (
    ConfigurationError,
    ExportRefused,
    LeaseHeld,
    ObjectsInTheWay,
    Stalled,
    Stopped,
    StorageError,
    StreamChanged,
    StreamPaused,
    WronglyCalled,
)
from datasync_spider.faces.exitreport import summary
from datasync_spider.faces.exitreport.printing import End, say
from datasync_spider.faces.metrics.listening import reserved_port
from datasync_spider.fleet.agenda import Agenda
from datasync_spider.local.shutdown import ShutdownSignals
from datasync_spider.observe import exitcodes, stats
from datasync_spider.observe.exitcodes import worst
from datasync_spider.ops.command import api, check_way, database, interruptibly, load_config, stoppable, typed
from datasync_spider.process.importing import imported_meanwhile
from datasync_spider.process.memory import keep_buffers, spare_what_is_imported
from datasync_spider.sources import streamnames
from datasync_spider.storage.backends import label
from datasync_spider.storage.connection import connected
from datasync_spider.storage.retrying import AT_END, patiently
from datasync_spider.storage.runs import end_open_run, read_run
from datasync_spider.storage.standstill import StandstillWatch, standstill_text
from datasync_spider.storage.status import read_state, read_stream_names
from datasync_spider.storage.tables import prepare_tables

if TYPE_CHECKING:
    import argparse

    from scrapy.crawler import Crawler
    from scrapy.settings import BaseSettings

    from datasync_spider.config import Config
    from datasync_spider.sync.plan import SyncPlan

logger = logging.getLogger(__name__)

# What no one needs before it. Where Scrapy makes a deprecated class, it looks through the whole stack, and for a frame
# through all modules, so the module that does so comes first, and by itself.
_FOR_THE_FIRST_REQUEST = ("scrapy.core.downloader.contextfactory", "datasync_spider.transport.client")
_ENGINE_LOOK_SECONDS = 0.02

_READ_END_SECONDS = 5.0
# After a signal, no one wants to wait for a database that does not answer.
_READ_END_AFTER_SIGNAL_SECONDS = 2.0
_ASK_WHY_SECONDS = 2.0
_REFUSED_AS_CONFIGURED = frozenset({StreamChanged.reason, StreamPaused.reason})
_REPORTED = (
    *("run_id", "stream", "slice", "status", "reason", "detail", "expected_total"),
    *("pages", "events", "inserted", "duplicates", "rejected", "filtered", "retries", "waited_ms"),
)


class Command(crawl.Command):
    """See the module's text."""

    _config: Config

    def short_desc(self) -> str:
        return "Run a spider of the project; the exit code reports what became of its run"

    def syntax(self) -> str:
        return "[options] <spider, or source>"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument(
            "--dry-run", action="store_true", help="show what would be stored of the first page, and store nothing"
        )

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        super().process_options(args, opts)
        assert self.settings is not None
        try:
            self._config = load_config(self.settings)
        except SystemExit:
            print("\n".join(summary.configuration_refused()), file=sys.stderr)
            raise

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        if opts.dry_run:
            self.exitcode = self._dry_run(args, opts)
            return
        with imported_meanwhile(*_FOR_THE_FIRST_REQUEST):
            ends = self._ends(args, opts)
        for end in ends:
            say(end, as_json=self._config.log_format == "json")
        self.exitcode = worst(end.code for end in ends)

    def _ends(self, args: list[str], opts: argparse.Namespace) -> list[End]:
        """One for each slice that was crawled, or the one that says why none was."""
        assert self.settings is not None
        if len(args) != 1:
            return [_called_wrongly(f"say which spider: {typed()} crawl events")]
        try:
            return self._served(args[0], opts.spargs)
        except WronglyCalled as error:
            return [_called_wrongly(str(error))]
        except ConfigurationError as error:
            return [End(exitcodes.BAD_CONFIGURATION, summary.configuration_refused(str(error)))]
        except Stopped as error:
            return [End(exitcodes.STOPPED, summary.stopped_early(str(error)))]
        except LeaseHeld as error:
            return [End(exitcodes.LEASE_HELD, summary.not_started(str(error), error.reason))]
        except ObjectsInTheWay as error:
            return [End(exitcodes.BAD_CONFIGURATION, summary.not_started(str(error), error.reason))]
        except (StorageError, Stalled) as error:
            return [End(exitcodes.FAILED, summary.not_started(str(error), error.reason))]

    def _served(self, name: str, arguments: Mapping[str, str]) -> list[End]:
        """The ends of the crawls of a spider, or of all of a source's, with the services around them that they need."""
        assert self.settings is not None
        spiders = self._spiders(name)
        # Those that need a database for it, or run a command, are planned once, when all else stands.
        plans = [plan for _, plan in _planned(_early(spiders), self.settings, arguments)]
        with ExitStack() as services:
            services.enter_context(reserved_port(self.settings, self._config))
            for plan in plans[:1]:
                # Before a database is started or asked, which api() would come after.
                check_way(plan)
            with stoppable():
                failpoints.reach("at_start")
                database_url = services.enter_context(database(self.settings, self._config))
                # What a file or a class names is no slip of a setting.
                stream = plans[0].spec.name if plans and plans[0].is_built_in else None
                with StandstillWatch(database_url, self._config.stall_timeout_seconds) as watch:
                    interruptibly(lambda: patiently(lambda: _prepare_tables(database_url, stream, watch)), watch)
                for plan in plans[:1]:
                    services.enter_context(api(self.settings, plan))
                # The addresses of what was started are among the settings now.
                agenda = Agenda(spiders, lambda spider: spider.make_plans(self.settings, arguments))
            return self._crawl(agenda, database_url)

    def _dry_run(self, args: list[str], opts: argparse.Namespace) -> int:
        """Shows the first page of each stream's first slice; without a database, and without a run."""
        assert self.settings is not None
        try:
            if len(args) != 1:
                raise WronglyCalled(f"say which spider: {typed()} crawl events --dry-run")
            spiders = self._spiders(args[0])
            code = exitcodes.COMPLETE
            for spider in spiders:
                plans = spider.make_plans(self.settings, opts.spargs)
                if not plans:
                    print(summary.nothing_to_crawl(spider.name)[0])
                    continue
                with stoppable(), api(self.settings, plans[0]):
                    # The address of what was started is among the settings now.
                    is_known = plans[0].base_url is not None
                    first = plans[0] if is_known else spider.make_plans(self.settings, opts.spargs)[0]
                    is_fine = _show_first_page(first)
                if plans[1:]:
                    print(f"  {len(plans) - 1} more slices were not looked at: name one with -a slice=…")
                code = code if is_fine else exitcodes.FAILED
        except ConfigurationError as error:
            print(f"crawl --dry-run: {error}", file=sys.stderr)
            return exitcodes.BAD_CONFIGURATION
        except Stopped:
            return exitcodes.STOPPED
        print("nothing was stored")
        return code

    def _spiders(self, name: str) -> list[type[Any]]:
        """The classes of the spider of this name, or of all streams of a source. Raises ConfigurationError."""
        assert self.crawler_process is not None
        names_of = getattr(self.crawler_process.spider_loader, "names_of", None)
        return [self._spider(one) for one in ((name,) if names_of is None else names_of(name))]

    def _spider(self, name: str) -> type[Any]:
        """The class of a stream's spider. Raises ConfigurationError where there is none of this name."""
        assert self.crawler_process is not None
        loader = self.crawler_process.spider_loader
        try:
            spider = loader.load(name)
        except KeyError:
            known = " or ".join(sorted(loader.list()))
            raise WronglyCalled(f"there is no spider {name!r}: say {known}") from None
        if not hasattr(spider, "make_plans"):
            raise ConfigurationError(
                f"the spider {name} is no stream's: those of this project subclass datasync_spider.plugin.StreamSpider"
            )
        return spider

    def _crawl(self, agenda: Agenda, database_url: str) -> list[End]:
        """Crawls the slices of the streams one after the other; none is begun after a signal."""
        assert self.crawler_process is not None
        process = self.crawler_process
        running: list[tuple[Crawler, SyncPlan]] = []
        # Of thousands of slices, a crawler each would be kept for a number or two.
        crawled: list[tuple[Mapping[str, Any] | None, SyncPlan]] = []

        def stop(signal_name: str) -> None:
            for crawler, _ in running:
                _stop(crawler, signal_name)

        shutdown = ShutdownSignals(stop)

        def begin() -> None:
            spider, plan = agenda.next()
            crawler = process.create_crawler(spider)
            running.append((crawler, plan))
            asyncio.ensure_future(process.crawl(crawler, plan=plan)).add_done_callback(go_on)

        def go_on(_: object) -> None:
            end()
            # Scrapy goes on as long as there are crawls when one has ended.
            if shutdown.received is None and agenda.goes_on():
                begin()

        def end() -> None:
            crawler, plan = running.pop()
            crawler.signals.send_catch_log(signals.loop_ended)
            crawled.append((_stats_of(crawler), plan))

        if not agenda.goes_on():
            return agenda.ends
        begin()
        shutdown.install()
        # Scrapy lets its own loggers make debug lines in any case, several a request, for the handlers to throw away.
        logging.getLogger("scrapy").setLevel(logging.NOTSET)
        keep_buffers()
        spare_what_is_imported()
        try:
            process.start(install_signal_handlers=False)
        finally:
            shutdown.uninstall()
            if running:
                end()
        ends = [_end_of(reported, plan, database_url, shutdown.received) for reported, plan in crawled]
        return [*ends, *agenda.ends, *_not_begun(agenda.left, ends, shutdown.received)]


def _early(spiders: Sequence[type[Any]]) -> list[type[Any]]:
    return [spider for spider in spiders if not spider.finds_slices()]


def _planned(
    spiders: Sequence[type[Any]], settings: BaseSettings, arguments: Mapping[str, str]
) -> list[tuple[type[Any], SyncPlan]]:
    """What is to be crawled by which spider, in its order. Raises ConfigurationError."""
    return [(spider, plan) for spider in spiders for plan in spider.make_plans(settings, arguments)]


def _show_first_page(plan: SyncPlan) -> bool:
    from datasync_spider.ops.doctor.dryrun import as_lines, is_fine
    from datasync_spider.ops.doctor.firstpage import look
    from datasync_spider.transport.apiclient import ApiClient

    plan = plan.beginning(int(time.time() * 1_000))
    seen = look(ApiClient.of(plan), plan)
    print("\n".join(as_lines(plan, seen)))
    return is_fine(seen)


def _not_begun(left: Sequence[str], ends: Sequence[End], signal_name: str | None) -> list[End]:
    """What is to be added of slices whose turn did not come: those before them may all be complete, the whole is not.

    ``left``: how they are called. A signal that one of ``ends`` reports of is reported.
    """
    if not left:
        return []
    if signal_name is not None:
        is_given = any(end.code == exitcodes.STOPPED for end in ends)
        return [] if is_given else [End(exitcodes.STOPPED, summary.stopped_early(signal_name))]
    return [End(exitcodes.FAILED, summary.not_started(f"{', '.join(left)}: no crawl could be begun, see above"))]


def _stats_of(crawler: Crawler) -> Mapping[str, Any] | None:
    """None where the spider could not even be made."""
    try:
        return dict(crawler.stats.get_stats())
    except RuntimeError:
        return None


def _end_of(reported: Mapping[str, Any] | None, plan: SyncPlan, database_url: str, signal_name: str | None) -> End:
    """``reported``: the crawl's stats."""
    if reported is None:
        return End(exitcodes.FAILED, summary.not_started("the spider could not be made, see above"))
    run_id = reported.get(stats.RUN_ID)
    if run_id is not None:
        source = None if plan.is_built_in else plan.source.name
        return _end_of_run(run_id, database_url, signal_name, reported.get(stats.EXPORTS_FAILED, {}), source)
    refused, detail = reported.get(stats.REFUSED), reported.get(stats.REFUSED_DETAIL)
    return _without_run(refused, detail, streamnames.label(plan.spec.name, plan.spec.slice), signal_name)


def _called_wrongly(why: str) -> End:
    return End(exitcodes.BAD_CONFIGURATION, summary.not_started(why, "usage"))


def _prepare_tables(database_url: str, stream: str | None, watch: StandstillWatch) -> None:
    """``stream``: a name that may be misspelt."""
    with connected(database_url) as connection, watch.over(connection):
        prepare_tables(connection, on_applied=lambda migration: logger.info("applied migration %s", migration))
        if stream is not None and (warning := streamnames.new(stream, read_stream_names(connection))):
            logger.warning("%s", warning)


def _stop(crawler: Crawler, signal_name: str) -> None:
    """The first signal: every component learns of it at once, then Scrapy closes the crawl in its own order."""
    logger.info("received %s: fetching stops, what was fetched is committed; again to end at once", signal_name)
    crawler.stats.set_value(stats.STOP_SIGNAL, signal_name)
    crawler.signals.send_catch_log(signals.stop_requested, signal_name=signal_name)
    asyncio.ensure_future(_stop_engine(crawler))  # noqa: RUF006 - the crawl's own task waits for it


async def _stop_engine(crawler: Crawler) -> None:
    """Stops the engine as soon as it runs: one that is still opening its spider takes no notice of a stop."""
    while not _is_running(crawler):  # noqa: ASYNC110 - Scrapy sends no signal at the moment when it begins to run
        await asyncio.sleep(_ENGINE_LOOK_SECONDS)
    await crawler.engine.stop_async()


def _is_running(crawler: Crawler) -> bool:
    try:
        return crawler.engine.running
    except RuntimeError:
        # It is not made yet.
        return False


def _without_run(refused: str | None, detail: str | None, stream: str, signal_name: str | None) -> End:
    if refused == ExportRefused.reason:
        return End(exitcodes.BAD_CONFIGURATION, summary.configuration_refused("an export cannot be made, see above"))
    if detail is not None and refused in _REFUSED_AS_CONFIGURED:
        return End(exitcodes.BAD_CONFIGURATION, summary.configuration_refused(detail, refused))
    if refused == "lease_held":
        return End(exitcodes.LEASE_HELD, summary.lease_held(stream))
    if signal_name is not None:
        return End(exitcodes.STOPPED, summary.stopped_early(signal_name))
    return End(exitcodes.FAILED, summary.not_started(detail or "no run could be opened, see above", refused))


def _end_of_run(
    run_id: int, database_url: str, signal_name: str | None, exports_failed: Mapping[str, str], source: str | None
) -> End:
    """By the run's row. A database that connects and then says no more is not waited for."""
    ends: list[End] = []
    seconds = _READ_END_SECONDS if signal_name is None else _READ_END_AFTER_SIGNAL_SECONDS

    def read() -> None:
        ends.append(_read_end(run_id, database_url, signal_name, exports_failed, source))

    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    reading.join(seconds)
    if ends:
        return ends[0]
    # After a signal there is no time to ask why.
    why = standstill_text(database_url, label(run_id, ""), _ASK_WHY_SECONDS) if signal_name is None else None
    return _unreadable(run_id, f"PostgreSQL did not answer within {seconds:g} s" + (f": {why}" if why else ""))


def _read_end(
    run_id: int, database_url: str, signal_name: str | None, exports_failed: Mapping[str, str], source: str | None
) -> End:
    def read() -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        with connected(database_url, connect_timeout_seconds=2) as connection:
            end_open_run(connection, run_id, signal_name)
            row = read_run(connection, run_id)
            return row, read_state(connection, row["slice_id"]) if row else None

    try:
        row, state = patiently(read, AT_END)
    except StorageError as error:
        return _unreadable(run_id, str(error))
    except Exception as error:
        # It is said as what it is: whoever waits for this thread could only say that nothing answered.
        logger.exception("the end of run %d cannot be read", run_id)
        return _unreadable(run_id, f"{type(error).__name__}: {error}")
    if row is None:
        return _unreadable(run_id, "its row is gone")
    return _report(row, state or {}, exports_failed, source)


def _unreadable(run_id: int, why: str) -> End:
    return End(exitcodes.FAILED, summary.unreadable(run_id, why), {"run_id": run_id})


def _report(
    row: Mapping[str, Any], state: Mapping[str, Any], exports_failed: Mapping[str, str], source: str | None
) -> End:
    """``source``: of a stream that a file describes; None for the API that comes with the project."""
    stored, rejected = state.get("total_ingested"), state.get("total_rejected")
    fields = {name: row[name] for name in _REPORTED}
    lines = summary.summary(row, stored, rejected, exports_failed, source, state)
    code = exitcodes.exit_code(row["status"], export_failed=bool(exports_failed))
    return End(code, lines, {**fields, "stored": stored, "exports_failed": dict(exports_failed)})
