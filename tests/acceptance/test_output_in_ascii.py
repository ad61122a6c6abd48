"""Where the locale knows of ASCII alone: what cannot be shown is escaped, and nothing ends for it."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.crawl import Crawl
from tests.support.database import value
from tests.support.deadletters import leave_dead_letters
from tests.support.feed import FEED_SETTINGS, assert_feed_is_stored, feed_events, serving
from tests.support.mock import MockApi
from tests.support.redirecting import redirected
from tests.support.terminal import OnTerminal

ASCII = {"PYTHONIOENCODING": "ascii"}
# Names of files, too, and nothing that Python does about it.
ALL_ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.fixture
def home() -> Iterator[Path]:
    """Outside of pytest's own directories, which the database's account may not enter."""
    with tempfile.TemporaryDirectory(prefix="datasync-grün-", ignore_cleanup_errors=True) as place:
        yield Path(place)


@pytest.mark.parametrize("command", ["rejected", "rejected --json", "verify", "status", "doctor", "discover"])
def test_a_report_is_escaped(database_url: str, tmp_path: Path, command: str) -> None:
    leave_dead_letters(database_url, ['{"id":"grün €"}'.encode()], stored=["ä"])
    with serving(feed_events(2, prefix="évènement-日本")) as feed:
        done = redirected(
            "",
            *command.split(),
            DATABASE_URL=database_url,
            API_BASE_URL=feed.base_url,
            DATASYNC_HOME=str(tmp_path / "größe"),
            **ASCII,
        )
    assert b"Traceback" not in done.stderr, done.stderr
    assert done.stdout.isascii()
    assert done.stdout
    if command == "rejected":
        assert rb"gr\xfcn \u20ac" in done.stdout
    if command == "rejected --json":
        assert "grün €" in json.loads(done.stdout)["events"][0]["text"]
    if command == "discover":
        assert rb"\xe9v\xe8nement-\u65e5" in done.stdout
    # What they have to say of such a stream.
    assert done.returncode in {0, 1, 3}


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_crawl_of_other_scripts_is_exact(
    start_crawl: Callable[..., Crawl], database_url: str, tmp_path: Path, log_format: str
) -> None:
    with serving(feed_events(prefix="évènement-日本")) as feed:
        crawl = start_crawl(
            feed.base_url,
            afresh=True,
            LOG_LEVEL="DEBUG",
            LOG_FORMAT=log_format,
            DATASYNC_HOME=str(tmp_path / "größe"),
            **ALL_ASCII,
            **FEED_SETTINGS,
        )
        assert crawl.wait() == 0, crawl.log
    assert_feed_is_stored(database_url, feed.events)
    assert "Traceback" not in crawl.log
    if log_format == "json":
        assert all(json.loads(line) for line in crawl.log.splitlines())


@pytest.mark.parametrize("place", ["UTF-8", "Latin-1"])
def test_the_embedded_database_lives_in_a_home_of_any_name(home: Path, place: str) -> None:
    name = os.fsdecode("größe".encode(place))
    settings = {"DATASYNC_HOME": str(home / name), "MOCK_TOTAL_EVENTS": "20", **ALL_ASCII}
    done = redirected("", "crawl", "events", **settings)
    assert done.returncode == 0, done.stderr
    # Another process, whose locale knows all characters, finds the same.
    del settings["LC_ALL"], settings["PYTHONUTF8"]
    done = redirected("", "psql", "--", "-Atc", "SELECT count(*) FROM ingested_events", **settings)
    assert (done.returncode, done.stdout) == (0, b"20\n"), done.stderr


def test_the_live_view_is_drawn_with_what_there_is(
    database_url: str, tmp_path: Path, start_mock_api: Callable[..., MockApi]
) -> None:
    mock = start_mock_api("--total", "3000", "--rate-limit", "4", "--rate-window-ms", "1500")
    crawl = OnTerminal(
        *("crawl", "events"),
        DATABASE_URL=database_url,
        API_BASE_URL=mock.base_url,
        DATASYNC_HOME=str(tmp_path),
        API_PAGE_LIMIT="500",
        PYTHONIOENCODING="ascii",
    )
    try:
        assert crawl.wait() == 0, crawl.text
    finally:
        crawl.close()
    assert "2,000 of 3,000" in crawl.text
    assert "---" in crawl.text
    assert crawl.raw.isascii()
    assert value(database_url, "SELECT status FROM ingestion_runs") == "complete"
