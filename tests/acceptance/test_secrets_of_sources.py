"""A source's secret goes to its API and nowhere else: no log, no table, no position, whatever the API says back."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

from tests.support.crawl import Crawl, scrapy
from tests.support.database import rows, value
from tests.support.filesources import assert_hidden, whole_database, write_sources
from tests.support.ledger import last_run
from tests.support.tenants import tenants_api, tenants_file
from tests.support.waiting import eventually

TOKEN = "tok+en/of=shop 4711%25"
SETTINGS = {"LOG_LEVEL": "DEBUG", "WRITE_BATCH_SIZE": "5", "API_MAX_RETRIES": "2", "API_RETRY_BASE_MS": "20"}
IN_QUERY = '{ type = "query", query = { token = "secret:SHOP_TOKEN" } }'
BASIC = '{ type = "basic", user = "me", password = "secret:SHOP_TOKEN" }'

StartCrawl = Callable[..., Crawl]


def test_one_in_the_query_is_in_no_position_although_the_links_repeat_it(
    tmp_path: Path, start_crawl: StartCrawl, database_url: str
) -> None:
    with tenants_api({"a": TOKEN}, 60) as api:
        settings = {
            **SETTINGS,
            **write_sources(tmp_path / "sources", shop=tenants_file(api.base_url, IN_QUERY, slices=())),
        }
        killed = start_crawl(
            "", spider="shop.records", SHOP_TOKEN=TOKEN, DATASYNC_FAILPOINT="after_commit@3=kill", **settings
        )
        assert killed.wait() == -signal.SIGKILL, killed.log
        cursor = value(database_url, "SELECT cursor FROM ingestion_state WHERE stream = 'shop.records'")
        assert cursor.startswith("/api/a/records?limit=5&page=")
        asked_before = len(api.asked)

        resumed = start_crawl("", spider="shop.records", SHOP_TOKEN=TOKEN, **settings)
        assert resumed.wait() == 0, resumed.log
        assert 0 < len(api.asked) - asked_before < 12
        assert value(database_url, "SELECT count(*) FROM shop__records") == 60
        # Exactly as it is, once, with each request.
        assert [[text for name, text in asked.query if name == "token"] for asked in api.asked] == [[TOKEN]] * len(
            api.asked
        )

        # The one that is refused hears it again, and so would whoever reads the log and the run's row.
        api.tokens["a"] = "another"
        refused = start_crawl("", spider="shop.records", SHOP_TOKEN=TOKEN, **settings)
        assert refused.wait() == 1, refused.log
        assert last_run(database_url) == ("failed", "api_refused")
        assert "the token *** is not a's" in refused.log

        looked = scrapy("discover", STREAM="shop.records", SHOP_TOKEN=TOKEN, DATABASE_URL=database_url, **settings)
        assert "token=***" in looked.stdout, looked.stdout + looked.stderr
        logs = [killed.log, resumed.log, refused.log, looked.stdout, looked.stderr]
        assert_hidden([TOKEN, "tok%2Ben%2Fof%3Dshop%204711%2525"], *logs, whole_database(database_url))
        assert rows(database_url, "SELECT 1 FROM ingestion_pages WHERE cursor LIKE '%%token%%'") == []


def test_user_and_password_are_hidden_in_the_form_that_they_travel_in_and_a_stop_is_no_failure(
    tmp_path: Path, start_crawl: StartCrawl, database_url: str
) -> None:
    password = "pass-word-4711"
    travelling = "bWU6cGFzcy13b3JkLTQ3MTE="
    (tmp_path / "password").write_text(f"{password}\n")
    with tenants_api({"a": f"Basic {travelling}"}) as api:
        headers = 'accept = "application/vnd.shop+json"'
        settings = {
            **SETTINGS,
            **write_sources(tmp_path / "sources", shop=tenants_file(api.base_url, BASIC, headers, slices=())),
            "SHOP_TOKEN_FILE": str(tmp_path / "password"),
        }
        api.held.add("a")
        stopped = start_crawl("", spider="shop.records", **settings)
        eventually(lambda: len(api.asked) > 1, what="the second page to be asked for")
        stopped.kill(signal.SIGTERM)
        assert stopped.wait(45) == 5, stopped.log
        assert "ingestion stopped" in stopped.log
        api.release()

        done = start_crawl("", spider="shop.records", **settings)
        assert done.wait() == 0, done.log
        assert value(database_url, "SELECT count(*) FROM shop__records") == 25
        # What the file says comes in place of what is sent otherwise, once; who asks is said honestly.
        for asked in api.asked:
            assert asked.headers["accept"] == ["application/vnd.shop+json"]
            assert asked.headers["authorization"] == [f"Basic {travelling}"]
            assert asked.headers["user-agent"][0].startswith("datasync-ingestion/")
            assert len(asked.headers["user-agent"]) == 1

        api.tokens["a"] = "another"
        refused = start_crawl("", spider="shop.records", **settings)
        assert refused.wait() == 1, refused.log
        assert_hidden([password, travelling], stopped.log, done.log, refused.log, whole_database(database_url))


def test_one_that_is_missing_is_named_with_all_places_that_were_looked_at_and_nothing_is_asked(
    tmp_path: Path, start_crawl: StartCrawl, database_url: str
) -> None:
    with tenants_api({"a": TOKEN}) as api:
        files = write_sources(tmp_path / "sources", shop=tenants_file(api.base_url, IN_QUERY, slices=()))
        crawl = start_crawl("", spider="shop.records", **files)
        assert crawl.wait() == 2, crawl.log
        exit_report = crawl.log[crawl.log.index("ingestion not started") :]
        for place in ("SHOP_TOKEN is missing", "SHOP_TOKEN_FILE", "(-s)", "the environment", ".env", "source shop"):
            assert place in exit_report
        assert api.asked == []
    assert value(database_url, "SELECT count(*) FROM ingestion_runs") == 0
