"""What `scrapy status` says of many slices, and how names narrow it."""

from __future__ import annotations

import json
from contextlib import closing

import psycopg2
import pytest

from datasync_spider.storage.connection import connected
from datasync_spider.storage.registry import make_missing_tables
from tests.support.crawl import scrapy
from tests.support.machines import Ran, add_machines
from tests.support.manyslices import make_slices, set_due, set_run

FAILING, LATE = '{"tenant":"0012"}', '{"tenant":"0003"}'


@pytest.fixture
def many(database_url: str) -> str:
    """72 slices of six streams in three sources: one fails, one is late, one is named and was never begun."""
    with closing(psycopg2.connect(database_url)) as connection:
        connection.autocommit = True
        make_slices(connection, sources=3, streams=2, slices=12)
        set_run(connection, "source-03.stream-2", FAILING, status="failed", reason="api_refused")
        set_due(connection, "source-02.stream-1", LATE, late=3_600.0)
        set_due(connection, "source-01.stream-1", '{"tenant":"new"}')
    with connected(database_url) as connection:
        make_missing_tables(connection)
    return database_url


def test_of_more_than_a_screen_it_gives_sums_and_those_that_need_somebody(many: str) -> None:
    reported = scrapy("status", DATABASE_URL=many)
    assert reported.returncode == 0, reported.stderr
    lines = reported.stdout.splitlines()
    assert lines[0] == "73 slices of 6 streams in 3 sources: 1 failing, 1 late, 1 new, 70 fine"
    assert lines[1].split()[:6] == ["stream", "slices", "failing", "late", "new", "fine"]
    assert lines[2].split()[:4] == ["source-03.stream-2", "12", "1", "11"]
    assert lines[3].split()[:4] == ["source-02.stream-1", "12", "1", "11"]
    at = lines.index("")
    assert at == 8
    assert [line.split()[:3] for line in lines[at + 2 :]] == [
        ["source-03.stream-2", FAILING, "failing"],
        ["source-02.stream-1", LATE, "late"],
    ]
    # Programs get all of it, an object a slice.
    objects = [json.loads(line) for line in scrapy("status", "--json", DATABASE_URL=many).stdout.splitlines()]
    assert len(objects) == 73
    failing = next(each for each in objects if each["state"] == "failing")
    assert (failing["source"], failing["slice"], failing["run"]["reason"]) == ("source-03", FAILING, "api_refused")
    assert sum(each["total_ingested"] for each in objects) == 720
    assert [each["run"] for each in objects if each["state"] == "new"] == [None]
    assert scrapy("status", "--expect", "complete", DATABASE_URL=many).returncode == 1


def test_names_and_patterns_narrow_it_down_to_one(many: str) -> None:
    def said(*names: str) -> list[str]:
        done = scrapy("status", *names, DATABASE_URL=many)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    assert said("source-02")[0] == "24 slices of 2 streams in 1 source: 1 late, 23 fine"
    # A screen's worth is listed, those first that need somebody.
    few = said('source-0?.stream-2 *12"}')
    assert few[0] == "3 slices of 3 streams in 3 sources: 1 failing, 2 fine"
    assert few[2].startswith(f"source-03.stream-2 {FAILING}  failing  api_refused")
    assert len(few) == 5
    (one, *_) = said('source-03.stream-2 {"tenant": "0012"}')
    assert one == f"stream source-03.stream-2 {FAILING}: 10 stored, 0 rejected"
    named = scrapy("status", "--json", f"source-03.stream-2 {FAILING}", DATABASE_URL=many)
    report = json.loads(named.stdout)
    assert (report["state"], report["source"], report["run"]["status"]) == ("failing", "source-03", "failed")
    # The settings that name one do so as ever, and names on the command line come before them.
    settings = {"STREAM": "source-03.stream-2", "SLICE": FAILING, "DATABASE_URL": many}
    assert json.loads(scrapy("status", "--json", **settings).stdout)["run"] == report["run"]
    assert scrapy("status", "source-01", **settings).stdout.startswith("25 slices of 2 streams")
    assert scrapy("status", "--expect", "complete", "source-02", DATABASE_URL=many).returncode == 0


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("source-4", "there is no source, stream or slice source-4: there are source-01, source-02, source-03,"),
        ("shop*", "nothing is like shop*: there are source-01, "),
        ("source-01.stream-1 x", "the stream source-01.stream-1 has no slice x: it has"),
    ],
)
def test_a_name_that_means_nothing_is_answered_with_what_there_is(many: str, name: str, words: str) -> None:
    done = scrapy("status", name, DATABASE_URL=many)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"status: {words}")


def test_machines_are_listed_with_what_they_have_and_have_done(many: str) -> None:
    with closing(psycopg2.connect(many)) as connection:
        connection.autocommit = True
        add_machines(connection, Ran("alpha", "0", slices=2), Ran("evil\x1b[2J", slices=3, heard=90))
    lines = scrapy("status", "--machines", DATABASE_URL=many).stdout.splitlines()
    assert lines[0] == "3 machines: 5 slices under way; within the last hour 72 syncs, 144 new"
    assert lines[1].split() == ["machine", "state", "slices", "syncs", "new", "last", "heard"]
    assert [line.split()[:-3] for line in lines[2:]] == [
        ["evil\\x1b[2J", "silent", "3", "0", "0", "1", "min"],
        ["alpha,", "worker", "0", "running", "2", "0", "0"],
        ["crawler", "idle", "0", "72", "144"],
    ]
    objects = [
        json.loads(line) for line in scrapy("status", "--machines", "--json", DATABASE_URL=many).stdout.splitlines()
    ]
    assert [(each["host"], each["worker"], each["held"]) for each in objects][1] == ("alpha", "0", 2)
    slices = [json.loads(line) for line in scrapy("status", "--json", DATABASE_URL=many).stdout.splitlines()]
    assert {each["machine"] for each in slices} == {None, "alpha, worker 0", "evil\x1b[2J"}
    assert {(each["lease"]["host"], each["lease"]["worker"]) for each in slices} >= {("alpha", "0")}
    refused = scrapy("status", "--machines", "source-01", DATABASE_URL=many)
    assert (refused.returncode, refused.stdout) == (2, "")
