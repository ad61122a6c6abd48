"""``scrapy submit prepare``: all ids, one a line, with their count and hash, or a refusal that says why."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from tests.support.crawl import PROJECT, Crawl, clean_environment, scrapy
from tests.support.database import execute_outside, value
from tests.support.mock import MockApi, ground_truth
from tests.support.stored import store_many, store_stream
from tests.support.submitting import Submitting


def test_the_ids_of_a_crawl_are_written_in_the_order_of_their_bytes_with_count_and_hash(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str, tmp_path: Path
) -> None:
    mock = start_mock_api("--total", "3000")
    assert start_crawl(mock.base_url).wait() == 0
    file = tmp_path / "ids.txt"
    done = scrapy("submit", "prepare", "-o", str(file), "--json", DATABASE_URL=database_url)
    assert done.returncode == 0, done.stderr
    written = file.read_bytes()
    assert written.decode().split("\n") == sorted(event["id"] for event in ground_truth("--total", "3000"))
    report = json.loads(done.stdout)
    assert report["count"] == 3000
    assert report["size"] == len(written)
    assert report["sha256"] == sha256(written).hexdigest()
    assert report["rejected_not_included"] == 0


def test_without_a_file_the_ids_and_nothing_else_are_on_standard_output(database_url: str) -> None:
    store_stream(database_url, ["b", "a", "ä"])
    done = scrapy("submit", "prepare", DATABASE_URL=database_url)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "a\nb\nä"
    assert "3 event ids" in done.stderr
    assert sha256("a\nb\nä".encode()).hexdigest() in done.stderr


@pytest.mark.parametrize(("pass_status", "words"), [("open", "has not reached its end"), ("short", "accounted for")])
def test_a_stream_that_is_not_complete_is_refused_unless_anyway_is_said(
    database_url: str, tmp_path: Path, pass_status: str, words: str
) -> None:
    store_stream(database_url, ["a", "b"], pass_status=pass_status)
    file = tmp_path / "ids.txt"
    refused = scrapy("submit", "prepare", "-o", str(file), DATABASE_URL=database_url)
    assert refused.returncode == 1
    assert words in refused.stderr
    assert "--anyway" in refused.stderr
    assert not file.exists()
    overruled = scrapy("submit", "prepare", "--anyway", "-o", str(file), DATABASE_URL=database_url)
    assert overruled.returncode == 0, overruled.stderr
    assert words in overruled.stdout
    assert file.read_text() == "a\nb"


def test_an_id_with_a_line_break_is_refused_by_name_also_with_anyway(database_url: str) -> None:
    store_stream(database_url, ["a", "two\nlines"])
    done = scrapy("submit", "prepare", "--anyway", DATABASE_URL=database_url)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "two\\nlines" in done.stderr


def test_rejected_events_are_counted_as_not_included(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    fault = "malformed_events=1.0,density=0.01,kinds=null+no_id+empty_id"
    mock = start_mock_api("--total", "1000", "--fault", fault)
    crawl = start_crawl(mock.base_url)
    assert crawl.wait() == 0, crawl.log
    rejected = value(database_url, "SELECT count(*) FROM rejected_events")
    assert rejected > 0
    done = scrapy("submit", "prepare", DATABASE_URL=database_url)
    assert done.returncode == 0, done.stderr
    assert f"{rejected} rejected events are not included" in done.stderr
    assert len(done.stdout.split("\n")) == 1000


def test_a_table_that_was_changed_by_hand_is_noticed(database_url: str) -> None:
    store_stream(database_url, ["a", "b"])
    execute_outside(database_url, "DELETE FROM ingested_events WHERE event_id = 'a'")
    done = scrapy("submit", "prepare", DATABASE_URL=database_url)
    assert done.returncode == 1
    assert "by hand" in done.stderr


def test_a_reader_that_has_seen_enough_causes_no_noise(database_url: str) -> None:
    store_many(database_url, 50_000)
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m scrapy submit prepare | head -n 1"],
        cwd=PROJECT,
        env=clean_environment(DATABASE_URL=database_url),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""


def test_three_hundred_thousand_ids_take_no_more_memory_than_a_handful(database_url: str, tmp_path: Path) -> None:
    where = {"DATABASE_URL": database_url}
    store_stream(database_url, ["a"])
    few = Submitting(tmp_path / "few", where, "prepare", "-o", str(tmp_path / "few.txt"))
    assert few.wait() == 0, few.err
    execute_outside(database_url, "TRUNCATE ingested_events")
    store_many(database_url, 300_000)
    many = Submitting(tmp_path / "many", where, "prepare", "-o", str(tmp_path / "many.txt"))
    assert many.wait() == 0, many.err
    assert (tmp_path / "many.txt").stat().st_size == 300_000 * 37 - 1
    # The ids as Python's strings would take 25 MB and more.
    assert many.peak_megabytes < few.peak_megabytes + 10


@pytest.mark.parametrize(
    "arguments", [(), ("bogus",), ("prepare", "send"), ("prepare", "--yes"), ("prepare", "--bogus")]
)
def test_wrong_usage_is_reported_with_exit_code_2(arguments: tuple[str, ...], database_url: str) -> None:
    done = scrapy("submit", *arguments, DATABASE_URL=database_url)
    assert done.returncode == 2
    assert done.stdout == ""
