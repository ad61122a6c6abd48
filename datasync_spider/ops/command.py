"""What the project's commands share: configuration checked before anything else, local services, and signals.

It lives outside the package of commands because Scrapy takes every command class there for a command.

Invariant: a bad configuration ends with exit code 2 before any connection is made; whatever was started here is ended
here.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from msgspec.structs import replace
from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from datasync_spider.config import Config
from datasync_spider.config.model import BUNDLED_MOCK_URL
from datasync_spider.config.proxies import passed_over, proxy_for
from datasync_spider.config.sourcefiles import built_in_source
from datasync_spider.config.trust import check_authorities
from datasync_spider.errors import ConfigurationError, Stalled, Stopped, StorageError
from datasync_spider.local.mock_process import start_mock
from datasync_spider.local.shutdown import stop_signals
from datasync_spider.logs import also_redact, install_logging
from datasync_spider.observe import exitcodes
from datasync_spider.sources import streamnames
from datasync_spider.sources.secretnames import secret_places
from datasync_spider.storage.connection import Connection
from datasync_spider.storage.migrate import load_migrations, pending_migrations
from datasync_spider.storage.registry import FIRST_STREAM, Slice, find_slice
from datasync_spider.storage.standstill import StandstillWatch
from datasync_spider.storage.status import read_stream_names
from datasync_spider.sync.plan import SyncPlan
from datasync_spider.sync.planning import named_plan

if TYPE_CHECKING:
    import argparse

    from scrapy.settings import BaseSettings

logger = logging.getLogger(__name__)

PROJECT_DIRECTORY = Path(__file__).resolve().parents[2]


def typed() -> str:
    """What this process was started as, to begin hints with: in a bare folder ``scrapy`` has no commands of ours."""
    program = Path(sys.argv[0])
    is_ours = program.name == "datasync" or program.parts[-2:] == ("datasync_spider", "__main__.py")
    return "datasync" if is_ours else "scrapy"


def load_config(settings: BaseSettings) -> Config:
    """The checked configuration, with logging installed as it says. Exits with code 2 where it is bad."""
    try:
        return checked_config(settings)
    except ConfigurationError as error:
        print(f"configuration error: {error}", file=sys.stderr)
        raise SystemExit(exitcodes.BAD_CONFIGURATION) from None


def checked_config(settings: BaseSettings) -> Config:
    """The same for who says it otherwise: raises ConfigurationError where it is bad."""
    config = Config.from_settings(settings)
    install_logging(config, settings.get("LOG_FILE"), settings.getbool("LOG_ENABLED"))
    settings.set("LOG_LEVEL", config.log_level, priority="cmdline")
    # Of any other source they become known with its plan.
    also_redact(headers=secret_places(built_in_source()).headers)
    for warning in config.warnings:
        logger.warning("%s", warning)
    return config


@contextlib.contextmanager
def database(settings: BaseSettings, config: Config) -> Iterator[str]:
    """The URL of the configured database; where none is, the embedded one runs as long as the context lasts."""
    if config.database_url is not None:
        yield config.database_url
        return
    from datasync_spider.local.database import embedded_database  # noqa: PLC0415 - a part of the start, if needed

    with embedded_database(config.home) as url:
        settings.set("DATABASE_URL", url, priority="cmdline")
        yield url


def check_way(plan: SyncPlan) -> None:
    """Looks at what the environment says of the ways to the API and to its tokens: proxies, and authorities.

    Raises ConfigurationError where the way is barred, whatever the API may do.
    """
    if plan.base_url is None:
        return
    grant = plan.authorization.grant
    for url in (plan.base_url, *(() if grant is None else (grant.token_url,))):
        proxy = proxy_for(url)
        if any(asked.startswith("https:") for asked in (url, proxy or "")):
            check_authorities()


@contextlib.contextmanager
def api(settings: BaseSettings, plan: SyncPlan) -> Iterator[None]:
    """The API of the plan; the bundled mock is started where mock mode names no address.

    The caller then makes a new plan.

    Raises ConfigurationError where the environment leaves no way to it.
    """
    check_way(plan)
    if plan.base_url is not None:
        if warning := passed_over(plan.base_url):
            logger.warning("%s", warning)
        yield
        return
    config = plan.config
    mock = start_mock(PROJECT_DIRECTORY, config.home, {**os.environ, **config.mock_environ})
    try:
        settings.set("API_BASE_URL", mock.base_url, priority="cmdline")
        settings.set(BUNDLED_MOCK_URL, mock.base_url, priority="cmdline")
        logger.info("the bundled mock API serves at %s", mock.base_url)
        yield
    finally:
        mock.close()


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Turns a signal to stop into :class:`~datasync_spider.errors.Stopped` while the reactor does not run yet.

    What follows a stop is not interrupted by a SIGHUP, which a terminal that goes away sends more than once.
    """
    is_stopped = False

    def stop(number: int, _: FrameType | None) -> None:
        nonlocal is_stopped
        is_stopped = True
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        raise Stopped(signal.Signals(number).name)

    previous = {number: signal.signal(number, stop) for number in stop_signals()}
    try:
        yield
    finally:
        for number, handler in previous.items():
            if not (is_stopped and number == signal.SIGHUP):
                signal.signal(number, handler)


def interruptibly(work: Callable[[], None], watch: StandstillWatch) -> None:
    """Does the work in a thread of its own, so that a signal is heard also while a database says nothing.

    A thread that hangs is left to die with the process. Raises what the work raises, and Stalled where the watch says
    so.
    """
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that waits
            raised.append(error)

    thread = threading.Thread(target=run, name="datasync-start", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(watch.pause_seconds)
        watch.check()
    if raised:
        raise raised[0]


def chosen_slice(connection: Connection, plan: SyncPlan) -> Slice:
    """The plan's slice, in a database of today's schema.

    Where no stream was ever begun any name may be meant, and the first one's row, in which nothing stands, is what is
    known of it. Raises ConfigurationError where there are streams, and not this one.
    """
    stream, name, reader = plan.spec.name, plan.spec.slice, plan.spec.reader
    found = find_slice(connection, stream, reader, name)
    known = read_stream_names(connection) if found is None else ()
    first = find_slice(connection, FIRST_STREAM, reader) if found is None and not known else None
    connection.rollback()
    if first is not None:
        return replace(first, stream=stream, name=name)
    if found is None:
        raise ConfigurationError(streamnames.unknown(stream, name, known))
    return found


def is_migrated(connection: Connection) -> bool:
    """Whether the schema is today's; where it is not, standard error says what to do. Rolls back."""
    pending = pending_migrations(connection, load_migrations())
    connection.rollback()
    if not pending:
        return True
    print(f"the schema is not up to date: run '{typed()} migrate' (a crawl does so by itself)", file=sys.stderr)
    return False


class DatasyncCommand(ScrapyCommand):
    """Base of the commands that look at the database or change its schema, and crawl nothing."""

    requires_project = True
    requires_crawler_process = False

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        super().process_options(args, opts)
        # Scrapy hands on what it does not know; a mistyped --check must not become a migration.
        if args:
            raise UsageError(f"unexpected: {' '.join(args)}", print_help=False)

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        assert self.settings is not None
        config = load_config(self.settings)
        try:
            with stoppable(), database(self.settings, config) as database_url:
                self.exitcode = self.execute(database_url, config, opts)
        except ConfigurationError as error:
            print(f"{self.name}: {error}", file=sys.stderr)
            self.exitcode = exitcodes.BAD_CONFIGURATION
        except (StorageError, Stalled) as error:
            print(f"{self.name}: {error}", file=sys.stderr)
            self.exitcode = exitcodes.FAILED
        except Stopped:
            self.exitcode = exitcodes.STOPPED

    @property
    def name(self) -> str:
        return type(self).__module__.rpartition(".")[2]

    def plan(self, *, with_secrets: bool = True) -> SyncPlan:
        """Of the slice that STREAM and SLICE name, as settings are by now. ``with_secrets``: it will be asked for."""
        assert self.settings is not None
        return named_plan(self.settings, with_secrets=with_secrets)

    def execute(self, database_url: str, config: Config, opts: argparse.Namespace) -> int:
        """The command's work; gives the exit code."""
        raise NotImplementedError
