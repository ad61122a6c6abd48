"""An export that fails: the run is complete, its exit code says that the file is not there, and none looks whole."""

from __future__ import annotations

import gzip
import json
import random
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from datasync_spider import settings
from tests.support.crawl import Crawl, clean_environment
from tests.support.database import rows, value
from tests.support.feed import FEED_SETTINGS, Feed, assert_feed_is_stored, feed_events, serving
from tests.support.starting import start
from tests.support.waiting import eventually

EXPORT_FAILED = 6
FORMER = b'{"former": true}\n'


@pytest.fixture
def feed() -> Iterator[Feed]:
    with serving() as feed:
        yield feed


@pytest.fixture
def crawl(feed: Feed, start_crawl: Callable[..., Crawl]) -> Callable[..., Crawl]:
    def start(*arguments: str, **settings: str) -> Crawl:
        return start_crawl(feed.base_url, *arguments, **FEED_SETTINGS, **settings)

    return start


def feeds(*named: tuple[str, Mapping[str, object]]) -> tuple[str, str]:
    return "-s", f"FEEDS={json.dumps(dict(named))}"


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("/dev/full", {"format": "jsonlines"}),
        ("/dev/full", {"format": "json"}),
        ("/dev/full", {"format": "csv", "overwrite": True}),
        ("/dev/full", {"format": "xml", "postprocessing": ["scrapy.extensions.postprocessing.GzipPlugin"]}),
        ("/proc/nowhere/events.json", {"format": "json"}),
        ("ftp://user:secret-password@127.0.0.1:1/events.json", {"format": "json"}),
    ],
    ids=["jsonlines", "json", "csv", "gzipped-xml", "no-directory", "ftp"],
)
def test_an_export_that_fails_is_reported_in_the_exit_code_and_costs_no_other_anything(
    crawl: Callable[..., Crawl],
    feed: Feed,
    database_url: str,
    tmp_path: Path,
    path: str,
    options: dict[str, object],
) -> None:
    good = tmp_path / "good.jsonl"
    failing = crawl(*feeds((path, options), (str(good), {"format": "jsonlines"})))
    assert failing.wait() == EXPORT_FAILED, failing.log
    assert "ingestion complete: run 1" in failing.log
    assert "  export: failed, nothing of it is kept: " in failing.log
    assert "secret-password" not in failing.log
    assert "SELECT payload FROM ingested_events" in failing.log
    assert_feed_is_stored(database_url, feed.events)
    assert [json.loads(line)["payload"] for line in good.read_text().splitlines()] == feed.events


@pytest.mark.parametrize(
    ("events", "former", "options"),
    [
        (100, FORMER, {"overwrite": True}),
        (100, FORMER, {"overwrite": True, "postprocessing": ["scrapy.extensions.postprocessing.GzipPlugin"]}),
        (100, FORMER, {}),
        # Here the export itself has room, and what stands before it has not.
        (30, FORMER * 5_000, {}),
    ],
    ids=["overwriting", "zipped", "appending", "appending-to-much"],
)
def test_a_full_disk_leaves_the_former_file_as_it_was(
    crawl: Callable[..., Crawl],
    feed: Feed,
    database_url: str,
    tmp_path: Path,
    events: int,
    former: bytes,
    options: dict[str, object],
) -> None:
    """Full for each file of the crawl's process that grows beyond 100,000 bytes."""
    target = tmp_path / "out" / "events.jsonl"
    target.parent.mkdir()
    target.write_bytes(former)
    feed.events = [
        {**event, "noise": random.Random(event["id"]).randbytes(1000).hex()} for event in feed_events(events)
    ]
    extensions = {**settings.EXTENSIONS, "tests.support.userextensions.SmallFiles": 1}
    small = ("-s", f"EXTENSIONS={json.dumps(extensions)}")
    limited = crawl(*feeds((str(target), {"format": "jsonlines", **options})), *small)
    assert limited.wait() == EXPORT_FAILED, limited.log
    assert f"nothing of it is kept: {target}: File too large" in limited.log
    assert target.read_bytes() == former
    assert list(target.parent.iterdir()) == [target]
    assert_feed_is_stored(database_url, feed.events)


def test_a_killed_crawl_leaves_the_former_file_and_the_next_one_replaces_it(
    crawl: Callable[..., Crawl], feed: Feed, tmp_path: Path
) -> None:
    target = tmp_path / "events.jsonl"
    target.write_bytes(FORMER)
    target.chmod(0o640)
    killed = crawl("-O", str(target), DATASYNC_FAILPOINT="before_fetch@3=stop")
    eventually(lambda: killed.is_frozen, what="the third request")
    killed.kill(signal.SIGKILL)
    killed.wait()
    assert target.read_bytes() == FORMER
    feed.events = feed_events(20, "new") + feed.events
    assert crawl("-O", str(target)).wait() == 0
    assert len(target.read_text().splitlines()) > 0
    assert list(tmp_path.glob(".*.part")) == []
    assert target.stat().st_mode & 0o777 == 0o640


def test_appending_adds_whole_exports_and_zipped_ones_can_be_read(
    crawl: Callable[..., Crawl], feed: Feed, tmp_path: Path
) -> None:
    target = tmp_path / "out" / "events.jsonl.gz"
    options = {"format": "jsonlines", "postprocessing": ["scrapy.extensions.postprocessing.GzipPlugin"]}
    assert crawl(*feeds((str(target), options))).wait() == 0
    first = feed.events
    feed.events = feed_events(10, "new") + first
    assert crawl(*feeds((str(target), options))).wait() == 0
    payloads = [json.loads(line)["payload"] for line in gzip.decompress(target.read_bytes()).splitlines()]
    assert payloads[:30] == first
    assert payloads[30:40] == feed.events[:10]


def test_of_a_feed_in_several_files_those_before_the_trouble_stay(crawl: Callable[..., Crawl], tmp_path: Path) -> None:
    (tmp_path / "events-2.json").mkdir()
    template = str(tmp_path / "events-%(batch_id)d.json")
    failing = crawl(*feeds((template, {"format": "json", "batch_item_count": 1})))
    assert failing.wait() == EXPORT_FAILED, failing.log
    assert "events-2.json: Is a directory" in failing.log
    assert len(json.loads((tmp_path / "events-1.json").read_text())) == 10


def test_standard_output_that_is_full_is_reported(
    feed: Feed, database_url: str, start_crawl: Callable[..., Crawl], tmp_path: Path
) -> None:
    environment = clean_environment(
        **FEED_SETTINGS, DATABASE_URL=database_url, API_BASE_URL=feed.base_url, DATASYNC_HOME=str(tmp_path)
    )
    with Path("/dev/full").open("wb") as full, (tmp_path / "log").open("wb") as log:
        process = start("scrapy", "crawl", "events", "-O", "-:json", environment=environment, stdout=full, stderr=log)
        assert process.wait(120) == EXPORT_FAILED, (tmp_path / "log").read_text()
    assert "stdout:: No space left on device" in (tmp_path / "log").read_text()


def test_another_verdict_keeps_its_code(crawl: Callable[..., Crawl], feed: Feed) -> None:
    feed.total = 40
    short = crawl("-O", "/dev/full:json")
    assert short.wait() == 3, short.log
    assert "  export: failed, nothing of it is kept: " in short.log


def test_an_export_that_cannot_be_made_is_refused_before_the_first_request(
    crawl: Callable[..., Crawl], feed: Feed, database_url: str
) -> None:
    refused = crawl(*feeds(("nosuch://host/events.json", {"format": "json"})))
    assert refused.wait() == 2, refused.log
    assert "Unknown feed storage scheme: nosuch" in refused.log
    assert "an export cannot be made" in refused.log
    assert feed.asked == []
    assert rows(database_url, "SELECT run_id FROM ingestion_runs") == []


def test_a_crawl_that_gets_no_run_leaves_the_former_file(
    crawl: Callable[..., Crawl], feed: Feed, database_url: str, tmp_path: Path
) -> None:
    target = tmp_path / "events.json"
    target.write_bytes(FORMER)
    holding = crawl(DATASYNC_FAILPOINT="before_fetch@1=stop")
    eventually(
        lambda: value(database_url, "SELECT count(*) FROM ingestion_runs") == 1, what="a run that holds the lease"
    )
    assert crawl("-O", str(target)).wait() == 4
    assert target.read_bytes() == FORMER
    holding.kill(signal.SIGKILL)
