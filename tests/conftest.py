"""Fixtures that every layer of tests shares: one real server a session, one database a test, the mock as a process."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from datasync_spider.records import compiled
from datasync_spider.transport.reactor import run
from embedded_postgres.starting import start_embedded
from tests.support.compiling import require_compiled
from tests.support.crawl import Crawl
from tests.support.database import fresh_database, make_template
from tests.support.limitedrole import LimitedRole
from tests.support.memory import quick_directory
from tests.support.mock import MockApi

# A shared machine is slow at times; how long an example takes is not what these tests ask.
settings.register_profile("datasync", deadline=None, max_examples=40)
# For a night: pytest --hypothesis-profile=long
settings.register_profile("long", deadline=None, max_examples=5_000)
settings.load_profile("datasync")

# A shell without job control starts what runs in its background deaf to Ctrl-C, and every process that these tests
# start and interrupt would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-servers", action="store_true", help="run tests/servers with the large servers, too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes minutes to install or to fill is run by whoever asks for it."""
    if config.getoption("--all-servers"):
        return
    large = [item for item in items if item.get_closest_marker("all_servers")]
    if large:
        config.hook.pytest_deselected(items=large)
        items[:] = [item for item in items if item not in large]


@pytest.fixture(scope="session", autouse=True)
def one_reactor() -> None:
    """A process has one reactor, and whoever comes first installs it: here it is the one of single requests."""
    run(lambda: asyncio.sleep(0))


@pytest.fixture(scope="module", params=["compiled", "python"])
def each_way(request: pytest.FixtureRequest) -> Iterator[None]:
    """Runs a file's tests twice: with the compiled reading of pages and writing of rows, and as where there is none."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "compiled":
            require_compiled()
        else:
            patch.setattr(compiled, "IS_COMPILED", False)
        yield


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A real server for the whole session, with a migrated template.

    Not under pytest's own temporary directory: another pytest of the same user takes its parents' permissions away,
    and for root the server runs under another account.
    """
    place = tempfile.TemporaryDirectory(prefix="datasync-tests-", dir=quick_directory())
    with place as home, start_embedded(Path(home)) as server:
        make_template(server.url)
        yield server.url


@pytest.fixture
def database_url(postgres_url: str) -> Iterator[str]:
    """A migrated database of this test's own."""
    with fresh_database(postgres_url) as url:
        yield url


@pytest.fixture
def empty_database_url(postgres_url: str) -> Iterator[str]:
    """A database without any table."""
    with fresh_database(postgres_url, "template0") as url:
        yield url


@pytest.fixture
def role(database_url: str) -> Iterator[LimitedRole]:
    """A role that may do in this test's database what the owner may."""
    role = LimitedRole(database_url)
    yield role
    role.drop()


@pytest.fixture
def start_mock_api() -> Iterator[Callable[..., MockApi]]:
    """Starts mocks with the given command-line arguments; they end with the test."""
    started: list[MockApi] = []

    def start(*arguments: str) -> MockApi:
        started.append(MockApi(*arguments))
        return started[-1]

    yield start
    for mock in started:
        mock.close()


@pytest.fixture
def start_crawl(tmp_path: Path, database_url: str) -> Iterator[Callable[..., Crawl]]:
    """Starts crawls of this test's database; ``base_url`` names the API. None outlives the test."""
    started: list[Crawl] = []

    def start(base_url: str, *arguments: str, spider: str = "events", afresh: bool = False, **settings: str) -> Crawl:
        defaults = {
            "DATABASE_URL": database_url,
            "API_BASE_URL": base_url,
            "DATASYNC_HOME": str(tmp_path / "home"),
        }
        log = tmp_path / f"crawl-{len(started) + 1}.log"
        crawl = Crawl(log, *arguments, spider=spider, afresh=afresh, **{**defaults, **settings})
        started.append(crawl)
        return crawl

    yield start
    for crawl in started:
        if crawl.process.poll() is None:
            crawl.kill()
            crawl.wait()
