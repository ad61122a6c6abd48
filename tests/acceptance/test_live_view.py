"""What a person at a terminal sees of a crawl."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.database import value
from tests.support.mock import MockApi
from tests.support.terminal import OnTerminal
from tests.support.waiting import eventually

StartMock = Callable[..., MockApi]
SHOW_CURSOR, HIDE_CURSOR = "\x1b[?25h", "\x1b[?25l"


@pytest.fixture
def start(database_url: str, tmp_path: Path) -> Iterator[Callable[..., OnTerminal]]:
    started: list[OnTerminal] = []

    def begin(mock: MockApi, *arguments: str, **settings: str) -> OnTerminal:
        common: dict[str, Any] = {
            "DATABASE_URL": database_url,
            "API_BASE_URL": mock.base_url,
            "DATASYNC_HOME": str(tmp_path),
        }
        started.append(OnTerminal("crawl", "events", *arguments, **{**common, **settings}))
        return started[-1]

    yield begin
    for crawl in started:
        crawl.close()


def test_a_crawl_on_a_terminal_is_drawn_live_and_ends_with_its_summary(
    start_mock_api: StartMock, start: Callable[..., OnTerminal]
) -> None:
    # One request a window: it is waited for however long the requests before it take.
    mock = start_mock_api("--total", "1000", "--rate-limit", "1", "--rate-window-ms", "2500")
    crawl = start(mock, API_PAGE_LIMIT="500")
    eventually(lambda: "for the rate window" in crawl.text, what="the wait on the screen")
    assert crawl.wait() == 0, crawl.text
    text = crawl.text
    assert re.search(r"events ━+.* \d+ % 500 of 1,000", text)
    assert re.search(r"1 page, 500 inserted, 0 duplicates, 0 rejected, 0 retries", text)
    assert re.search(r"waiting \d s for the rate window; the cursor lives \d", text)
    assert re.search(r"[\d,]+ events/s now, [\d,]+ on average", text)
    assert "progress: " not in text
    last = text.splitlines()[-4:]
    assert last[0].startswith("ingestion complete: run 1 of stream events")
    assert last[2] == "  stored: 1,000 events; the API counts 1,000"
    assert last[3].startswith("  next: ")


def test_the_terminal_is_given_back_when_the_crawl_is_stopped(
    start_mock_api: StartMock, start: Callable[..., OnTerminal]
) -> None:
    mock = start_mock_api("--total", "3000", "--rate-limit", "2", "--rate-window-ms", "60000")
    crawl = start(mock, API_PAGE_LIMIT="500")
    eventually(lambda: "for the rate window" in crawl.text, what="the wait on the screen")
    crawl.signal(signal.SIGINT)
    assert crawl.wait() == 5, crawl.text
    assert crawl.raw.rindex(SHOW_CURSOR) > crawl.raw.rindex(HIDE_CURSOR)
    assert crawl.text.splitlines()[-4].startswith("ingestion stopped: run 1 of stream events by SIGINT")


def test_the_terminal_is_given_back_when_a_second_signal_ends_the_crawl_at_once(
    start_mock_api: StartMock, start: Callable[..., OnTerminal]
) -> None:
    mock = start_mock_api("--total", "3000")
    mock.control("faults", "POST", {"name": "slow", "rate": 1.0, "delay_ms": 20_000})
    crawl = start(mock, API_PAGE_LIMIT="500")
    eventually(lambda: re.search(r"fetching page 1 for \d s", crawl.text), what="the slow request on the screen")
    crawl.signal(signal.SIGINT)
    eventually(lambda: "received SIGINT" in crawl.text, what="the first signal")
    crawl.signal(signal.SIGINT)
    assert crawl.wait() == 5, crawl.text
    assert crawl.raw.rindex(SHOW_CURSOR) > crawl.raw.rindex(HIDE_CURSOR)


def test_the_last_warning_stays_in_sight_and_holds_no_secret(
    start_mock_api: StartMock, start: Callable[..., OnTerminal]
) -> None:
    mock = start_mock_api("--total", "1000", "--api-key", "the-right-key-1234")
    mock.control("faults", "POST", {"name": "status_503", "requests": [2, 3]})
    crawl = start(mock, API_PAGE_LIMIT="500", API_RETRY_BASE_MS="1000", DATASYNC_API_KEY="the-right-key-1234")
    eventually(lambda: re.search(r"last warning, \d+ s ago: attempt 1 failed: status_503", crawl.text), what="it")
    assert crawl.wait() == 0, crawl.text
    assert "the-right-key-1234" not in crawl.raw


def test_a_terminal_that_goes_away_ends_the_picture_and_not_the_crawl(
    start_mock_api: StartMock, start: Callable[..., OnTerminal], database_url: str
) -> None:
    mock = start_mock_api("--total", "1000", "--rate-limit", "1", "--rate-window-ms", "3000")
    crawl = start(mock, API_PAGE_LIMIT="500")
    eventually(lambda: "for the rate window" in crawl.text, what="the wait on the screen")
    crawl.hang_up()
    assert crawl.wait() == 0
    assert value(database_url, "SELECT status FROM ingestion_runs") == "complete"


def test_a_crawl_without_its_terminal_is_still_stopped_with_its_position_saved(
    start_mock_api: StartMock, start: Callable[..., OnTerminal], database_url: str
) -> None:
    mock = start_mock_api("--total", "3000", "--rate-limit", "2", "--rate-window-ms", "60000")
    crawl = start(mock, API_PAGE_LIMIT="500")
    eventually(lambda: "for the rate window" in crawl.text, what="the wait on the screen")
    crawl.hang_up()
    crawl.signal(signal.SIGTERM)
    assert crawl.wait() == 5
    assert value(database_url, "SELECT status FROM ingestion_runs") == "stopped"


@pytest.mark.parametrize("settings", [{"LOG_FORMAT": "json"}, {"TERM": "dumb"}, {"LOG_FILE": "log"}], ids=str)
def test_where_no_picture_is_wanted_there_is_none(
    start_mock_api: StartMock, start: Callable[..., OnTerminal], settings: dict[str, str], tmp_path: Path
) -> None:
    mock = start_mock_api("--total", "1000")
    arguments = ("--logfile", str(tmp_path / "log")) if "LOG_FILE" in settings else ()
    others = {name: value for name, value in settings.items() if name != "LOG_FILE"}
    crawl = start(mock, *arguments, **others)
    assert crawl.wait() == 0, crawl.text
    assert "━" not in crawl.raw
    assert "\x1b" not in crawl.raw


def test_a_copy_of_the_log_is_kept_in_a_file_with_what_the_picture_says(
    start_mock_api: StartMock, start: Callable[..., OnTerminal], tmp_path: Path
) -> None:
    mock = start_mock_api("--total", "1000", "--rate-limit", "1", "--rate-window-ms", "2500")
    copy = tmp_path / "copy.log"
    copy.write_text("an earlier crawl\n")
    crawl = start(mock, API_PAGE_LIMIT="500", LOG_COPY_FILE=str(copy), PROGRESS_LOG_INTERVAL_MS="200")
    assert crawl.wait() == 0, crawl.text
    assert "━" in crawl.text
    assert "progress: " not in crawl.text
    kept = copy.read_text()
    assert kept.startswith("an earlier crawl\n")
    assert "progress: 500 of 1,000 stored" in kept
    assert "ingestion complete: run 1" in kept
    assert "\x1b" not in kept


def test_a_copy_that_cannot_be_written_is_a_wrong_setting(
    start_mock_api: StartMock, start: Callable[..., OnTerminal], tmp_path: Path
) -> None:
    crawl = start(start_mock_api("--total", "1"), LOG_COPY_FILE=str(tmp_path / "nowhere" / "copy.log"))
    assert crawl.wait() == 2
    assert "LOG_COPY_FILE is" in crawl.text
    assert "No such file or directory" in crawl.text
