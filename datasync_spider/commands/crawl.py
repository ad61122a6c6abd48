"""``scrapy crawl``: Scrapy's own command, with the services it needs around it and an exit code that says the truth.

Invariant: the exit code is made from the run's row in the database. Scrapy calls a crawl finished whose every write
failed; a crawl that leaves no readable row has failed, unless it was refused the lease or stopped before it had a run.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

from scrapy.commands import crawl
from scrapy.crawler import AsyncCrawlerProcess

from datasync_spider import failpoints
from datasync_spider.errors import ConfigurationError, Stalled, Stopped, StorageError, WronglyCalled
from datasync_spider.faces.exitreport import summary
from datasync_spider.faces.exitreport.printing import End, say
from datasync_spider.faces.metrics.listening import reserved_port
from datasync_spider.fleet.agenda import Agenda, plans_of
from datasync_spider.fleet.crawling import FOR_THE_FIRST_REQUEST, Crawls
from datasync_spider.fleet.ends import called_wrongly, end_of, end_of_error, not_begun
from datasync_spider.fleet.starting import prepare
from datasync_spider.observe import exitcodes
from datasync_spider.observe.exitcodes import worst
from datasync_spider.ops.command import api, check_way, database, load_config, stoppable, typed
from datasync_spider.process.importing import imported_meanwhile
from datasync_spider.sync.services import Services

if TYPE_CHECKING:
    import argparse

    from scrapy.settings import BaseSettings

    from datasync_spider.config import Config
    from datasync_spider.sync.plan import SyncPlan
    from datasync_spider.sync.syncs import Reported


class Command(crawl.Command):
    """See the module's text."""

    _config: Config

    def short_desc(self) -> str:
        return "Run a spider of the project; the exit code says what became of its run"

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
        with imported_meanwhile(*FOR_THE_FIRST_REQUEST):
            ends = self._ends(args, opts)
        for end in ends:
            say(end, as_json=self._config.log_format == "json")
        self.exitcode = worst(end.code for end in ends)

    def _ends(self, args: list[str], opts: argparse.Namespace) -> list[End]:
        """One for each slice that was crawled, or the one that says why none was."""
        assert self.settings is not None
        if len(args) != 1:
            return [called_wrongly(f"say which spider: {typed()} crawl events")]
        try:
            return self._served(args[0], opts.spargs)
        except (ConfigurationError, StorageError, Stalled, Stopped) as error:
            return [end_of_error(error)]

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
                prepare(database_url, self._config.stall_timeout_seconds, stream)
                for plan in plans[:1]:
                    services.enter_context(api(self.settings, plan))
                # The addresses of what was started are among the settings now.
                shared = services.enter_context(closing(Services(database_url, self._config.database_connections)))
                settings = self.settings
                agenda = Agenda(spiders, lambda spider: plans_of(spider, settings, arguments, shared.pool))
            return self._crawl(agenda, shared)

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

    def _crawl(self, agenda: Agenda, services: Services) -> list[End]:
        """Crawls the slices of the streams one after the other; none is begun after a signal."""
        assert isinstance(self.crawler_process, AsyncCrawlerProcess)
        if not agenda.goes_on():
            return agenda.ends
        crawls = Crawls(self.crawler_process, services)
        # Of thousands of slices, a crawler each would be kept for a number or two.
        crawled: list[tuple[Reported | None, SyncPlan]] = []

        async def one_after_the_other() -> None:
            while crawls.signal_name is None and agenda.goes_on():
                spider, plan = agenda.next()
                crawled.append((await crawls.crawl(spider, plan), plan))

        crawled += crawls.run(one_after_the_other)
        ends = [end_of(reported, plan, services.pool, crawls.signal_name) for reported, plan in crawled]
        return [*ends, *agenda.ends, *not_begun(agenda.left, ends, crawls.signal_name)]


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
