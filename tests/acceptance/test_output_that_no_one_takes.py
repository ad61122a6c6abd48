"""Whoever reads what a command says, or does not: what it does and its exit code stay what they are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.crawl import PROJECT, clean_environment, scrapy
from tests.support.database import value
from tests.support.deadletters import leave_dead_letters
from tests.support.feed import FEED_SETTINGS, assert_feed_is_stored, serving
from tests.support.mock import MockApi
from tests.support.redirecting import filled, pipe_that_no_one_reads, pipe_without_reader, redirected
from tests.support.starting import start
from tests.support.stored import store_stream

COMMANDS = [
    "list",
    "status",
    "status --json",
    "doctor",
    "verify",
    "rejected",
    "replay",
    "discover",
    "submit status",
    "submit send --dry-run --repo https://github.com/a/b",
    "migrate",
    "migrate --check",
    "psql -- -c SELECT",
]


@pytest.fixture
def place(tmp_path: Path, database_url: str, start_mock_api: Callable[..., MockApi]) -> dict[str, str]:
    """A stream that is complete, an API of as many events."""
    store_stream(database_url, ["a", "b"])
    base_url = start_mock_api("--total", "2").base_url
    return {"DATABASE_URL": database_url, "API_BASE_URL": base_url, "DATASYNC_HOME": str(tmp_path / "home")}


@pytest.mark.parametrize("stream", ["a full device", "a pipe without a reader"])
def test_every_command_keeps_its_exit_code_where_its_output_is_taken_by_no_one(
    place: dict[str, str], stream: str
) -> None:
    codes = {}
    with open("/dev/full", "wb") as full, pipe_without_reader() as pipe:  # noqa: PTH123 - a device
        taken = full.fileno() if stream == "a full device" else pipe
        for command in COMMANDS:
            process = start(
                "scrapy", *command.split(), environment=clean_environment(**place), stdout=taken, stderr=taken
            )
            codes[command] = process.wait(60)
    # The client's own: it says that its result could not be printed.
    if stream == "a full device":
        assert codes.pop("psql -- -c SELECT") == 1
    assert set(codes.values()) == {0}, codes


@pytest.mark.parametrize("command", ["list", "status", "doctor", "psql -- -c SELECT"])
def test_a_command_works_with_all_its_streams_closed(place: dict[str, str], command: str) -> None:
    assert redirected("<&- >&- 2>&-", *command.split(), **place).returncode == 0


@pytest.mark.parametrize("command", ["status --bogus", "bogus", "crawl", "submit send"])
def test_wrong_usage_ends_with_its_own_exit_code_where_no_one_reads_why(command: str) -> None:
    assert redirected(">&- 2>&-", *command.split()).returncode == 2
    assert filled({1, 2}, *command.split()).returncode == 2


def test_a_wrong_setting_ends_with_its_own_exit_code_where_no_one_reads_why() -> None:
    for command in ("status", "crawl events"):
        assert filled({2}, *command.split(), API_PAGE_LIMIT="x").returncode == 2


@pytest.mark.parametrize("redirections", ["2>&-", "<&- >&- 2>&-", "2>/dev/full", ">/dev/full 2>&1", "-O -:jsonl >&-"])
def test_a_crawl_ends_as_its_run_did_whatever_becomes_of_its_words(
    database_url: str, tmp_path: Path, redirections: str
) -> None:
    with serving() as feed:
        done = redirected(
            redirections,
            *("crawl", "events"),
            DATABASE_URL=database_url,
            API_BASE_URL=feed.base_url,
            DATASYNC_HOME=str(tmp_path),
            **FEED_SETTINGS,
        )
    assert done.returncode == 0, done.stderr
    assert_feed_is_stored(database_url, feed.events)


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_crawl_whose_reader_has_gone_ends_as_its_run_did(database_url: str, tmp_path: Path, log_format: str) -> None:
    with serving() as feed, pipe_without_reader() as pipe:
        process = start(
            *("scrapy", "crawl", "events"),
            environment=clean_environment(
                DATABASE_URL=database_url,
                API_BASE_URL=feed.base_url,
                DATASYNC_HOME=str(tmp_path),
                LOG_FORMAT=log_format,
                **FEED_SETTINGS,
            ),
            stdout=pipe,
            stderr=pipe,
        )
        assert process.wait(60) == 0
    assert_feed_is_stored(database_url, feed.events)


def test_a_crawl_whose_log_no_one_reads_goes_on(database_url: str, tmp_path: Path) -> None:
    with serving() as feed, pipe_that_no_one_reads() as pipe:
        process = start(
            *("scrapy", "crawl", "events"),
            environment=clean_environment(
                DATABASE_URL=database_url,
                API_BASE_URL=feed.base_url,
                DATASYNC_HOME=str(tmp_path),
                LOG_LEVEL="DEBUG",
                **FEED_SETTINGS,
            ),
            stderr=pipe,
        )
        assert process.wait(60) == 0
    assert_feed_is_stored(database_url, feed.events)


def test_a_log_file_on_a_full_disk_costs_its_lines_alone(database_url: str, tmp_path: Path) -> None:
    with serving() as feed:
        done = scrapy(
            *("crawl", "events", "--logfile", "/dev/full"),
            DATABASE_URL=database_url,
            API_BASE_URL=feed.base_url,
            DATASYNC_HOME=str(tmp_path),
            LOG_COPY_FILE="/dev/full",
            **FEED_SETTINGS,
        )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("the log file /dev/full cannot be written: No space left on device") == 2
    assert "Traceback" not in done.stderr
    assert "ingestion complete: run 1" in done.stderr
    assert_feed_is_stored(database_url, feed.events)


@pytest.mark.parametrize("name", ["no-such-folder/log", "a-file/log", ""])
def test_a_log_file_that_cannot_be_opened_is_a_wrong_setting_at_once(tmp_path: Path, name: str) -> None:
    (tmp_path / "a-file").touch()
    done = scrapy("crawl", "events", "--logfile", str(tmp_path / name), DATASYNC_HOME=str(tmp_path))
    assert done.returncode == 2
    assert "LOG_FILE is " in done.stderr
    assert "the file cannot be opened: " in done.stderr


def test_what_is_asked_for_as_bytes_is_not_called_done_where_it_could_not_be_written(place: dict[str, str]) -> None:
    leave_dead_letters(place["DATABASE_URL"], [b"{}"])
    number = value(place["DATABASE_URL"], "SELECT rejected_id FROM rejected_events")
    for command in (["submit", "prepare", "--anyway"], ["rejected", "--raw", str(number)]):
        done = filled({1}, *command, **place)
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1] == "standard output could not be written: No space left on device"


def test_an_answer_for_people_that_could_not_be_written_is_reported(place: dict[str, str]) -> None:
    done = filled({1}, "status", **place)
    assert done.returncode == 0
    assert done.stderr == "standard output could not be written: No space left on device\n"


def test_nothing_is_sent_where_the_one_who_is_asked_has_gone(place: dict[str, str]) -> None:
    done = redirected("<&-", "submit", "send", "--repo", "https://github.com/a/b", **place)
    assert done.returncode == 1
    assert b"say --yes" in done.stderr


def test_who_watches_is_not_left_watching_when_its_reader_has_gone(place: dict[str, str]) -> None:
    with pipe_without_reader() as pipe:
        process = start("scrapy", "status", "--watch", environment=clean_environment(**place), stdout=pipe)
        assert process.wait(60) == 0


def test_psql_whose_reader_has_seen_enough_has_done_its_work(place: dict[str, str]) -> None:
    with pipe_without_reader() as pipe:
        command = ("scrapy", "psql", "--", "-c", "SELECT generate_series(1, 50000)")
        process = start(*command, environment=clean_environment(**place), stdout=pipe)
        assert process.wait(60) == 0


@pytest.fixture
def non_blocking_pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    yield reading, writing
    os.close(reading)


def test_an_export_into_a_pipe_that_someone_made_non_blocking_is_whole(
    non_blocking_pipe: tuple[int, int], database_url: str, tmp_path: Path, start_mock_api: Callable[..., MockApi]
) -> None:
    reading, writing = non_blocking_pipe
    crawl = subprocess.Popen(
        [sys.executable, "-m", "scrapy", "crawl", "events", "--nolog", "-O", "-:jsonl"],
        cwd=PROJECT,
        env=clean_environment(
            DATABASE_URL=database_url,
            API_BASE_URL=start_mock_api("--total", "2000").base_url,
            DATASYNC_HOME=str(tmp_path),
        ),
        stdout=writing,
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    with open(reading, "rb", closefd=False) as export:
        lines = export.read().splitlines()
    assert crawl.wait(60) == 0
    assert len({json.loads(line)["event_id"] for line in lines}) == 2000
