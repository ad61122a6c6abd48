"""``scrapy doctor SOURCE``: what it proves of a file, with at most three requests, and what it says of a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.apiserver import serving_api
from tests.support.crawl import scrapy
from tests.support.filesources import write_sources
from tests.support.unknownapis import Api, Asked, Said, records

ALL = records(37)
FILE = """
[source]
name = "shop"
base_url = "{url}"
{auth}
[streams.things]
url = "/things"
query = {{ limit = "{{page_size}}", since = "{{since}}" }}
page_size = 10
records = "data"
id = "{id}"
time = "created_at"
order = "{order}"
next = {{ from = "counter:offset", to = "query:{offset}" }}
end = ["empty"]
incremental = {{ type = "none", format = "iso" }}
"""


def offsets(asked: Asked) -> Said:
    since = asked.query.get("since", "")
    kept = [one for one in ALL if one["created_at"][:19] >= since[:19]]
    start, limit = asked.number("offset", 0), asked.number("limit", 10)
    return Said({"data": kept[start : start + limit]})


def ignoring_since(asked: Asked) -> Said:
    start, limit = asked.number("offset", 0), asked.number("limit", 10)
    return Said({"data": ALL[start : start + limit]})


def ignoring_since_newest_first(asked: Asked) -> Said:
    start, limit = asked.number("offset", 0), asked.number("limit", 10)
    return Said({"data": ALL[::-1][start : start + limit]})


def refusing(asked: Asked) -> Said:
    return Said({"detail": "slow down"}, 429, {"Retry-After": "60"}) if "offset" in asked.query else offsets(asked)


def looked_at(directory: Path, api: Api, *arguments: str, **parts: str) -> tuple[int, str, int]:
    """Exit code, report, and how many requests were made."""
    given = {"id": "id", "order": "oldest-first", "offset": "offset", "auth": "", **parts}
    with serving_api(api) as server:
        files = write_sources(directory / "sources", shop=FILE.format(url=server.url, **given))
        done = scrapy("doctor", "shop", *arguments, **files, DATASYNC_HOME=str(directory / "home"))
        return done.returncode, done.stdout, len(server.asked)


@pytest.mark.parametrize(
    ("api", "parts", "code", "said"),
    [
        (offsets, {}, 0, ("the position advances", "order is oldest-first, as 20", "since works", "no id comes twice")),
        (offsets, {"order": "newest-first"}, 1, ("records would be lost",)),
        (offsets, {"offset": "skip"}, 1, ("the position does not advance",)),
        (offsets, {"id": "kind"}, 1, ("ids come more than once",)),
        (offsets, {"id": "nothing"}, 1, ("none of 10 records could be stored",)),
        (ignoring_since, {}, 1, ("since is ignored",)),
        (ignoring_since_newest_first, {"order": "newest-first"}, 1, ("since is ignored",)),
        (refusing, {}, 1, ("status 429",)),
    ],
)
def test_the_api_proves_or_disproves_the_file(
    tmp_path: Path, database_url: str, api: Api, parts: dict[str, str], code: int, said: tuple[str, ...]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PGAPPNAME", "doctor")
        returned, report, requests = looked_at(tmp_path, api, "-s", f"DATABASE_URL={database_url}", **parts)
    assert returned == code, report
    assert all(text in report for text in said), report
    assert requests <= 3


def test_offline_nothing_is_sent_and_missing_secrets_are_named(tmp_path: Path, database_url: str) -> None:
    database = ("-s", f"DATABASE_URL={database_url}")
    code, report, requests = looked_at(tmp_path, offsets, "--offline", *database)
    assert (code, requests) == (0, 0), report
    auth = 'auth = { type = "bearer", token = "secret:SHOP_TOKEN_X" }\n'
    code, report, requests = looked_at(tmp_path, offsets, "--offline", *database, auth=auth)
    assert (code, requests) == (1, 0)
    assert "SHOP_TOKEN_X is missing" in report


def test_each_mistake_of_a_file_is_a_finding(tmp_path: Path) -> None:
    code, report, requests = looked_at(tmp_path, offsets, order="newest", id="a..b")
    assert (code, requests) == (1, 0)
    assert report.count("problem  source: ") == 2
    assert "there is no source other" in scrapy("doctor", "other", SOURCES_DIR=str(tmp_path / "sources")).stdout


def wanting_a_window(asked: Asked) -> Said:
    if not asked.query.keys() >= {"after", "before"}:
        return Said({"error": "a window is required"}, 422)
    kept = [one for one in ALL if asked.query["after"][:19] <= one["created_at"][:19] < asked.query["before"][:19]]
    start = asked.number("offset", 0)
    return Said({"data": kept[start : start + 10]})


WINDOWS = (
    FILE.partition("incremental")[0].replace(', since = "{{since}}"', "")
    + """
[streams.things.incremental]
type = "window"
from = "after"
to = "before"
step = "1d"
start = "2024-01-01"
"""
)


def test_a_stream_of_windows_is_asked_for_its_first_one(tmp_path: Path, database_url: str) -> None:
    with serving_api(wanting_a_window) as server:
        text = WINDOWS.format(url=server.url, auth="", id="id", order="oldest-first", offset="offset")
        files = write_sources(tmp_path / "sources", shop=text)
        proven = scrapy("doctor", "shop", **files, DATABASE_URL=database_url)
        shown = scrapy("crawl", "shop", "--dry-run", **files)
    assert proven.returncode == 0, proven.stdout
    assert "since works" in proven.stdout
    assert shown.returncode == 0, shown.stdout
    assert "after=2024-01-01T00%3A00%3A00.000Z&before=2024-01-02T00%3A00%3A00.000Z" in shown.stdout
