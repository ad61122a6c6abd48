"""Each paginator against a server of its kind: real requests, every record once, from every position on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from datasync_spider.sources.paginators.choose import paginator
from datasync_spider.sources.paginators.protocol import Answer, direction
from datasync_spider.sources.paths import Path, parse_path
from datasync_spider.sources.spec import End, EndFlag, Next, Pairs
from datasync_spider.sources.urls import page_url
from tests.mock_api.client import Server

CURSOR = Next(source="body", to="query", paths=(parse_path("pagination.nextCursor"),), parameter="cursor")
LINK = Next(source="link", to="url", name="next")
OFFSET = Next(source="counter", to="query", name="offset", parameter="offset")
RECORDS = 95
SIZE = 20


@pytest.fixture(scope="module")
def mock() -> Iterator[Server]:
    server = Server("--records", str(RECORDS), "--total", str(RECORDS))
    yield server
    assert server.close() == 0


class Stream:
    """One of the mock's collections, as a file would describe it."""

    def __init__(self, mock: Server, url: str, own: Pairs, records: Path, next_: Next, end: End) -> None:
        self._mock, self._url, self._own = mock, url, own
        self._records, self._next, self._end = records, next_, end

    def walk(self, position: str | None = None) -> list[tuple[str | None, list[Any]]]:
        """The positions and their records."""
        found = []
        while True:
            # One that has seen nothing before, for each page.
            fresh = paginator(self._next, frozenset({"token"}))
            url = page_url(self._mock.base_url, self._url, self._own, fresh.ask(position))
            answer, records = self._get(url)
            found.append((position, records))
            position = direction(self._end, answer, fresh.following(position, answer))
            if position is None:
                return found

    def _get(self, url: str) -> tuple[Answer, list[Any]]:
        parts = urlsplit(url)
        response = self._mock.ask(f"{parts.path}?{parts.query}")
        assert response.status == 200
        records = self._records.read(response.json())
        headers = {name.lower(): response.headers.get_all(name, []) for name in response.headers}
        return Answer(url, headers, response.json(), len(records), SIZE), records


def streams(mock: Server) -> dict[str, Stream]:
    more = EndFlag(path=parse_path("pagination.hasMore"), value=False)
    size = str(SIZE)
    return {
        "cursor": Stream(mock, "/events", (("limit", size),), parse_path("data"), CURSOR, End(flags=(more,))),
        "link": Stream(
            mock, "/link/records", (("per_page", size), ("token", "s")), parse_path("@"), LINK, End(no_next=True)
        ),
        "offset": Stream(
            mock, "/offset/records", (("limit", size),), parse_path("result.items"), OFFSET, End(empty=True)
        ),
        "short": Stream(
            mock, "/offset/records", (("limit", size),), parse_path("result.items"), OFFSET, End(short=True)
        ),
    }


@pytest.mark.parametrize("kind", ["cursor", "link", "offset", "short"])
def test_every_record_comes_once_and_from_every_position_on_the_rest(mock: Server, kind: str) -> None:
    stream = streams(mock)[kind]
    pages = stream.walk()
    records = [json.dumps(record) for _, page in pages for record in page]
    assert len(records) == len(set(records)) == RECORDS
    assert len(pages) == 5 + (kind == "offset")
    for number, (position, _) in enumerate(pages):
        assert [page for _, page in stream.walk(position)] == [page for _, page in pages[number:]]


def test_a_secret_that_the_api_puts_into_its_links_is_in_no_position(mock: Server) -> None:
    positions = [position for position, _ in streams(mock)["link"].walk()]
    assert positions == [None, *(f"/api/v1/link/records?per_page=20&page={page}" for page in range(2, 6))]
