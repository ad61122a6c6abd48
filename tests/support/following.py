"""Goes through an API by a source's file as a crawl does, without a crawl: request, answer, page, position."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from scrapy.settings import Settings

from datasync_spider.config import Config
from datasync_spider.records.answer import check_answer
from datasync_spider.sources.files.load import read_source
from datasync_spider.sources.requests import PageRequest
from datasync_spider.sync.plan import plan_sync
from tests.support.unknownapis import Api, Asked

_MOST_PAGES = 50


def walked(text: str, api: Api, secrets: Mapping[str, str] | None = None) -> tuple[list[str], list[Asked]]:
    """The ids of all records of the file's only stream, and what was asked for them."""
    source = read_source(text, "shop.toml")
    (stream,) = source.streams
    config = Config.from_settings(Settings(), environ={}, env_file=None)
    plan = plan_sync(config, source, stream, {}, secrets or {})
    ids: list[str] = []
    asked: list[Asked] = []
    position: str | None = None
    for _ in range(_MOST_PAGES):
        request = plan.request(position)
        asked.append(_asked(request))
        said = api(asked[-1])
        body = said.body if isinstance(said.body, str) else json.dumps(said.body)
        headers = {"content-type": "application/json", **{name.lower(): value for name, value in said.headers.items()}}
        lists = {name: [value] for name, value in headers.items()}
        page = check_answer(
            plan.pages, plan.asked(request.url, position), said.status, headers.copy, body.encode(), lists
        )
        ids += [event.event_id for event in page.parse().events]
        position = page.next_cursor
        if position is None:
            return ids, asked
    raise AssertionError(f"more than {_MOST_PAGES} pages")


def _asked(request: PageRequest) -> Asked:
    body = None if request.body is None else json.loads(request.body)
    return Asked(request.method, request.url, dict(parse_qsl(urlsplit(request.url).query)), body)
