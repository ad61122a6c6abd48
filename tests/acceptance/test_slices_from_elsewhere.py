"""Slices that do not stand in a file: the records of another stream, and what a command prints."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

from tests.support.crawl import Crawl, scrapy
from tests.support.database import rows
from tests.support.filesources import assert_totals, write_sources
from tests.support.issuesapi import issue, issues_api, issues_file
from tests.support.waiting import eventually

StartCrawl = Callable[..., Crawl]

OF_ISSUES = '{ stream = "issues", values = { number = "number", owner = "repo.owner" } }'
COMMENTS = """
    SELECT state.slice::json->>'number', count(*)
    FROM forge__comments JOIN ingestion_state AS state ON state.id = slice_id
    WHERE payload->>'issue' = state.slice::json->>'number' GROUP BY 1
"""


def ends(crawl: Crawl) -> list[str]:
    return [line.split(":")[0] for line in crawl.log.splitlines() if line.startswith("ingestion ")]


def test_comments_of_all_issues_are_stored_exactly_once_whenever_the_crawl_is_killed(
    start_crawl: StartCrawl, database_url: str, tmp_path: Path
) -> None:
    counts = {1: 3, 2: 12, 3: 0, 5: 7, 8: 1}
    issues = [issue(number, repo={"owner": "scrapy"}) for number in counts]
    # One that was deleted, one that has no number, and one more of the same number.
    issues[4]["gone"] = True
    issues += [{"id": 1, "at": 1}, {**issues[1], "id": 77}]
    mutable = 'mutable = true\ntombstone = { path = "gone", value = true }'
    with issues_api(issues, counts) as api:
        settings = write_sources(tmp_path / "sources", forge=issues_file(api.base_url, OF_ISSUES, mutable))
        early = start_crawl("", spider="forge.comments", **settings)
        assert early.wait() == 2, early.log
        assert "forge.issues, which has never been crawled: run scrapy crawl forge.issues first" in early.log
        parent = start_crawl("", spider="forge.issues", **settings)
        assert parent.wait() == 0, parent.log

        api.held.add(2)
        killed = start_crawl("", spider="forge.comments", **settings)
        eventually(
            lambda: any("/2/comments?page=2" in path for path in api.asked), what="the second page of the second"
        )
        killed.kill(signal.SIGKILL)
        killed.wait()
        api.held.clear()
        api.release()
        again = start_crawl("", spider="forge.comments", **settings)
        assert again.wait() == 0, again.log
        assert "1 records of forge.issues make no slice of forge.comments" in again.log
        expected = {str(number): count for number, count in counts.items() if count and number != 8}
        assert dict(rows(database_url, COMMENTS)) == expected
        assert ends(again) == ["ingestion complete"] * 4
        assert_totals(database_url, "forge__comments", "forge.comments")

        # By its name, what was crawled is seen without a look at the issues, and one is crawled for itself.
        name = '{"number":5,"owner":"scrapy"}'
        status = scrapy("status", "--json", DATABASE_URL=database_url, STREAM="forge.comments", SLICE=name, **settings)
        assert json.loads(status.stdout)["total_ingested"] == 7, status.stderr
        api.asked.clear()
        one = start_crawl("", "-a", f"slice={name}", spider="forge.comments", **settings)
        assert one.wait() == 0, one.log
        assert api.asked_comments() == [5]


def test_all_streams_of_a_source_are_crawled_at_once_each_child_after_its_parent(
    start_crawl: StartCrawl, database_url: str, tmp_path: Path
) -> None:
    counts = {1: 3, 2: 12}
    with issues_api([issue(number, repo={"owner": "scrapy"}) for number in counts], counts) as api:
        text = issues_file(api.base_url, OF_ISSUES)
        # Whatever the order in the file is.
        head, issues, comments = text.split("[streams.")
        text = f"{head}[streams.{comments}[streams.{issues}"
        settings = write_sources(tmp_path / "sources", forge=text)
        crawl = start_crawl("", spider="forge", **settings)
        assert crawl.wait() == 0, crawl.log
        assert ends(crawl) == ["ingestion complete"] * 3
        assert dict(rows(database_url, COMMENTS)) == {"1": 3, "2": 12}


def test_a_command_is_run_where_slices_are_crawled_and_nowhere_else(
    start_crawl: StartCrawl, database_url: str, tmp_path: Path
) -> None:
    script = tmp_path / "tenants.py"
    script.write_text(
        "import json, os, sys\n"
        f"open({str(tmp_path / 'calls')!r}, 'a').write(os.getcwd() + '\\n')\n"
        "if os.environ.get('BROKEN'): sys.exit('no such tenant: ' + os.environ['BROKEN'])\n"
        "for number in (4, 6): print(json.dumps({'number': number, 'owner': 'me'}))\n"
    )
    slices = f'{{ command = ["python3", {json.dumps(str(script))}] }}'

    def calls() -> list[str]:
        return (tmp_path / "calls").read_text().splitlines()

    with issues_api([], {4: 6, 6: 2}) as api:
        settings = write_sources(tmp_path / "sources", forge=issues_file(api.base_url, slices))
        crawl = start_crawl("", spider="forge.comments", **settings)
        assert crawl.wait() == 0, crawl.log
        assert dict(rows(database_url, COMMENTS)) == {"4": 6, "6": 2}
        (folder,) = calls()
        assert (Path(folder) / "scrapy.cfg").is_file()
        unknown = start_crawl("", "-a", 'slice={"number":5,"owner":"me"}', spider="forge.comments", **settings)
        assert unknown.wait() == 2, unknown.log
        assert 'has no slice {"number":5,"owner":"me"}; it has {"number":4,"owner":"me"}' in unknown.log
        assert len(calls()) == 2
        named = {"DATABASE_URL": database_url, "STREAM": "forge.comments", "SLICE": '{"number":6,"owner":"me"}'}
        for command in (["status"], ["verify", "--no-api"], ["replay"], ["doctor"]):
            done = scrapy(*command, **named, **settings)
            assert done.returncode == 0, done.stdout + done.stderr
        unnamed = scrapy("status", **{**named, "SLICE": ""}, **settings)
        assert unnamed.returncode == 2
        assert "name one in SLICE; scrapy streams list --stream forge.comments lists" in unnamed.stderr
        assert "forge.comments" in scrapy("list", **settings).stdout
        assert len(calls()) == 2
        broken = start_crawl("", spider="forge.comments", **settings, BROKEN="x")
        assert broken.wait() == 2, broken.log
        assert "ended with exit code 1:\n  no such tenant: x" in broken.log
