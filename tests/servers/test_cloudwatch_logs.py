"""CloudWatch Logs as moto serves it: an end that is a repeated token, events without an id, a token that lasts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.crawl import Crawl
from tests.support.database import execute_outside, rows
from tests.support.servers.moto import AUTHORIZATION, add, create_group, create_stream, serving
from tests.support.servers.nginx import Nginx, impatient
from tests.support.servers.running import RealServer
from tests.support.servers.syncing import kill_in_midchain, stored, sync

pytestmark = pytest.mark.all_servers

StartCrawl = Callable[..., Crawl]
TOTAL = 10_000
PAGE = 500
PAGES = TOTAL // PAGE
FORWARD, FORWARD_TABLE = "cloudwatch.forward", "cloudwatch__forward"
FILTERED, FILTERED_TABLE = "cloudwatch.filtered", "cloudwatch__filtered"

LAST_RUN = """
SELECT r.pass_kind, r.status, coalesce(sum(p.inserted), 0)::int
FROM ingestion_runs r LEFT JOIN ingestion_pages p USING (run_id)
GROUP BY r.run_id, r.pass_kind, r.status ORDER BY r.run_id DESC LIMIT 1
"""

# Events never change. Those of one stream have no id, and the token of the last page is good for what comes later;
# those of a group have one beside their stream's name, and can be asked for from a time, that time included.
_FILE = """
[source]
name = "cloudwatch"
base_url = "URL"
headers = { "Content-Type" = "application/x-amz-json-1.1" }
auth = { type = "headers", headers = { Authorization = "secret:AWS_SIGNATURE" } }

[streams.forward]
method = "POST"
url = "/"
headers = { "X-Amz-Target" = "Logs_20140328.GetLogEvents" }
page_size = { default = 500, max = 10000 }
records = "events"
id = { hash = true }
time = { path = "timestamp", format = "ms" }
order = "oldest-first"
next = { from = "body:nextForwardToken", to = "body:nextToken" }
end = ["repeat", "resumable"]
incremental = { type = "resume" }

[streams.forward.body.json]
logGroupName = "lab"
logStreamName = "one"
startFromHead = true
limit = "{page_size}"

[streams.filtered]
method = "POST"
url = "/"
headers = { "X-Amz-Target" = "Logs_20140328.FilterLogEvents" }
page_size = { default = 500, max = 10000 }
records = "events"
id = { all = ["logStreamName", "eventId"] }
time = { path = "timestamp", format = "ms" }
order = "none"
next = { from = "body:nextToken", to = "body:nextToken" }
end = ["no-next"]
incremental = { type = "since", format = "ms" }

[streams.filtered.body.json]
logGroupName = "lab"
startTime = "{since}"
limit = "{page_size}"
"""


def source(url: str) -> str:
    return _FILE.replace("URL", url)


def seeded(url: str) -> int:
    """Two streams of 10,000 and 500 events, the first a day old. Returns the time of the earliest, in milliseconds."""
    earliest = int(time.time() - 86_400) * 1000
    create_group(url)
    for stream, total in (("one", TOTAL), ("two", PAGE)):
        create_stream(url, stream)
        add(url, stream, earliest, range(total))
    return earliest


@pytest.fixture
def moto(tmp_path: Path) -> Iterator[RealServer]:
    with serving(tmp_path) as server:
        yield server


def messages(database_url: str, table: str) -> list[tuple[int, str]]:
    """Of the stream that is called one."""
    found = stored(database_url, table).values()
    events = [event for event in found if event.get("logStreamName", "one") == "one"]
    return sorted((event["timestamp"], event["message"]) for event in events)


def given(earliest: int, total: int) -> list[tuple[int, str]]:
    return [(earliest + n, f"one event {n}") for n in range(total)]


def test_the_last_token_goes_on_through_kills_and_brings_the_new_ones_alone(
    start_crawl: StartCrawl, tmp_path: Path, database_url: str, moto: RealServer
) -> None:
    earliest = seeded(moto.url)
    with Nginx(moto.url, "2r/s", burst=6) as nginx:
        file = source(nginx.url)
        end = kill_in_midchain(
            start_crawl,
            tmp_path,
            file,
            FORWARD,
            database_url=database_url,
            table=FORWARD_TABLE,
            AWS_SIGNATURE=AUTHORIZATION,
        )
        assert end.code == 0, end.log
        answers = nginx.answers()
        refused = [n for n, answer in enumerate(answers) if answer.status == 429]
        assert 1 <= len(refused) <= PAGES
        assert impatient(answers, end.killed_at) == []
        assert messages(database_url, FORWARD_TABLE) == given(earliest, TOTAL)

        nothing = sync(start_crawl, tmp_path, file, FORWARD, AWS_SIGNATURE=AUTHORIZATION)
        assert nothing.code == 0, nothing.log
        assert rows(database_url, LAST_RUN) == [("incremental", "complete", 0)]

        add(moto.url, "one", earliest, range(TOTAL, TOTAL + 700))
        asked = len(nginx.answers())
        later = sync(start_crawl, tmp_path, file, FORWARD, AWS_SIGNATURE=AUTHORIZATION)
        assert later.code == 0, later.log
        assert messages(database_url, FORWARD_TABLE) == given(earliest, TOTAL + 700)
        assert rows(database_url, LAST_RUN) == [("incremental", "complete", 700)]
        # Two pages of them, and the empty one that repeats the token; refusals are not many.
        assert sum(answer.status == 200 for answer in nginx.answers()[asked:]) == 3


def test_a_group_of_two_streams_is_exact_through_a_kill_and_after_more_has_come(
    start_crawl: StartCrawl, tmp_path: Path, database_url: str, moto: RealServer
) -> None:
    earliest = seeded(moto.url)
    end = kill_in_midchain(
        start_crawl,
        tmp_path,
        source(moto.url),
        FILTERED,
        database_url=database_url,
        table=FILTERED_TABLE,
        AWS_SIGNATURE=AUTHORIZATION,
    )
    assert end.code == 0, end.log
    assert messages(database_url, FILTERED_TABLE) == given(earliest, TOTAL)
    assert len(stored(database_url, FILTERED_TABLE)) == TOTAL + PAGE
    add(moto.url, "one", earliest, range(TOTAL, TOTAL + 700))
    later = sync(start_crawl, tmp_path, source(moto.url), FILTERED, AWS_SIGNATURE=AUTHORIZATION)
    assert later.code == 0, later.log
    assert rows(database_url, LAST_RUN) == [("incremental", "complete", 700)]
    assert messages(database_url, FILTERED_TABLE) == given(earliest, TOTAL + 700)
    assert len(stored(database_url, FILTERED_TABLE)) == TOTAL + 700 + PAGE


@pytest.mark.parametrize("stream", [FORWARD, FILTERED])
def test_a_token_that_it_does_not_know_is_no_end(
    stream: str, start_crawl: StartCrawl, tmp_path: Path, database_url: str, moto: RealServer
) -> None:
    """Of one stream it is refused with 400; of a group it is answered with an empty last page, in a 200."""
    earliest = seeded(moto.url)
    table = stream.replace(".", "__")
    end = kill_in_midchain(
        start_crawl,
        tmp_path,
        source(moto.url),
        stream,
        database_url=database_url,
        table=table,
        between=lambda: execute_outside(database_url, "UPDATE ingestion_state SET cursor = 'nonsense'"),
        AWS_SIGNATURE=AUTHORIZATION,
    )
    assert end.code == 0, end.log
    assert "the stored position is given up" in end.log
    assert messages(database_url, table) == given(earliest, TOTAL)


def test_a_last_token_that_it_does_not_know_any_more_leads_to_a_full_pass(
    start_crawl: StartCrawl, tmp_path: Path, database_url: str, moto: RealServer
) -> None:
    earliest = seeded(moto.url)
    file = source(moto.url)
    first = sync(start_crawl, tmp_path, file, FORWARD, AWS_SIGNATURE=AUTHORIZATION)
    assert first.code == 0, first.log
    execute_outside(database_url, "UPDATE ingestion_state SET bookmark = 'nonsense'")
    add(moto.url, "one", earliest, range(TOTAL, TOTAL + 10))
    again = sync(start_crawl, tmp_path, file, FORWARD, AWS_SIGNATURE=AUTHORIZATION)
    assert again.code == 0, again.log
    assert rows(database_url, LAST_RUN) == [("full", "complete", 10)]
    assert messages(database_url, FORWARD_TABLE) == given(earliest, TOTAL + 10)
