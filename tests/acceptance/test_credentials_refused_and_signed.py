"""A token that the API refuses is renewed once; a class of the user's signs each request as it leaves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.support.crawl import Crawl, scrapy
from tests.support.database import value
from tests.support.feed import Asked, Reply, serving
from tests.support.filesources import assert_hidden, whole_database, write_sources
from tests.support.ledger import last_run
from tests.support.mock import MockApi
from tests.support.oauthsources import tokens_given
from tests.unit.docs.test_add_an_auth import blocks, example

SETTINGS = {"LOG_LEVEL": "DEBUG", "API_MAX_RETRIES": "2", "API_RETRY_BASE_MS": "20"}
EXPIRED = Reply({"error": "Unauthorized", "message": "no", "code": "TOKEN"}, 401, {"WWW-Authenticate": "Bearer"})
FILE = """
[source]
name = "shop"
base_url = "{base_url}"
auth = {auth}

[streams.events]
url = "/events"
query = {{ limit = "{{page_size}}" }}
page_size = 10
records = "data"
id = "id"
time = "timestamp"
total = "meta.total"
order = "newest-first"
next = {{ from = "body:pagination.nextCursor", to = "query:cursor" }}
end = ["no-next"]
incremental = {{ type = "none" }}
"""

StartCrawl = Callable[..., Crawl]


def client(mock: MockApi) -> str:
    """Whose tokens another server gives than the API."""
    return (
        f'{{ type = "oauth2-client-credentials", token_url = "{mock.base_url}/oauth/token", client_id = "me",'
        ' client_secret = "secret:SHOP_SECRET" }'
    )


def test_a_token_that_is_refused_is_renewed_once_and_a_fresh_one_that_is_refused_is_the_end(
    tmp_path: Path, start_crawl: StartCrawl, start_mock_api: Callable[..., MockApi], database_url: str
) -> None:
    mock = start_mock_api()
    refused: set[str] = set()

    def answer(asked: Asked) -> Reply | None:
        token = asked.headers.get("authorization", "")
        if asked.number == 2 or token in refused:
            refused.add(token)
            return EXPIRED
        return None

    with serving(answer=answer) as feed:
        settings = {
            **SETTINGS,
            "SHOP_SECRET": "secret-of-me",
            **write_sources(tmp_path / "sources", shop=FILE.format(base_url=feed.base_url, auth=client(mock))),
        }
        crawl = start_crawl("", spider="shop.events", **settings)
        assert crawl.wait() == 0, crawl.log
        assert value(database_url, "SELECT count(*) FROM shop__events") == 30
        # The page itself is asked for again, and none besides.
        assert [asked.cursor for asked in feed.asked] == [None, "c1", "c1", "c2"]
        assert tokens_given(mock) == 2
        assert len({asked.headers["authorization"] for asked in feed.asked}) == 2
        assert all(asked.headers["authorization"].startswith("Bearer access-of-me-") for asked in feed.asked)

        feed.asked.clear()
        feed.answer = lambda _: EXPIRED
        failed = start_crawl("", spider="shop.events", **settings)
        assert failed.wait() == 1, failed.log
        assert last_run(database_url) == ("failed", "api_refused")
        assert len(feed.asked) == 2
        assert tokens_given(mock) == 4

        # No expiry, and no reason to renew.
        feed.asked.clear()
        feed.answer = lambda _: Reply({"error": "Forbidden", "message": "no", "code": "SCOPE"}, 403)
        forbidden = start_crawl("", spider="shop.events", **settings)
        assert forbidden.wait() == 1, forbidden.log
        assert len(feed.asked) == 1
        assert tokens_given(mock) == 5

        feed.answer = None
        looked = scrapy("discover", STREAM="shop.events", DATABASE_URL=database_url, **settings)
        assert looked.returncode == 0, looked.stdout + looked.stderr
        assert tokens_given(mock) == 6
        texts = [crawl.log, failed.log, forbidden.log, looked.stdout + looked.stderr, whole_database(database_url)]
        assert_hidden(["secret-of-me"], *texts)
        assert all("access-of-me" not in text for text in texts)


def test_a_class_signs_each_request_as_it_leaves_and_what_it_adds_is_in_no_position(
    tmp_path: Path, start_crawl: StartCrawl, database_url: str
) -> None:
    names: dict[str, Any] = example()
    taken: list[bool] = []

    def answer(asked: Asked) -> Reply | None:
        url = f"{feed.base_url}/events?{urlencode(asked.query)}"
        taken.append(names["StoreApi"]().accepts("GET", url, asked.headers, b""))
        if asked.number == 2:
            return Reply(status=503)
        return None

    (tmp_path / "storeauth.py").write_text(blocks("python"))
    auth = (
        '{ type = "python:storeauth:HmacAuth", secrets = { key = "secret:SHOP_KEY", secret = "secret:SHOP_SECRET" } }'
    )
    with serving(answer=answer) as feed:
        settings = {
            **SETTINGS,
            "SHOP_KEY": "k-4711",
            "SHOP_SECRET": "hush",
            "PYTHONPATH": str(tmp_path),
            **write_sources(tmp_path / "sources", shop=FILE.format(base_url=feed.base_url, auth=auth)),
        }
        crawl = start_crawl("", spider="shop.events", afresh=True, **settings)
        assert crawl.wait() == 0, crawl.log
        assert value(database_url, "SELECT count(*) FROM shop__events") == 30
        assert taken == [True] * 4
        assert_hidden(["k-4711"], crawl.log, whole_database(database_url))

        (tmp_path / "storeauth.py").write_text("raise ImportError('half of it is missing')")
        listed = scrapy("list", **settings)
        assert "shop.events" in listed.stdout
        refused = start_crawl("", spider="shop.events", afresh=True, **settings)
        assert refused.wait() == 2, refused.log
        assert "the module storeauth cannot be imported: ImportError: half of it is missing" in refused.log
