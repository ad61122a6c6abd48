"""Each way of paging by a file, against a server of its kind: every record once, from every position on."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from datasync_spider.records.answer import check_answer
from datasync_spider.records.headers import listed_pairs, plain_pairs
from datasync_spider.records.page import Asked, PageReader
from datasync_spider.sources.auth import Authorization
from datasync_spider.sources.files.load import read_source
from datasync_spider.sources.paginators.choose import paginator
from datasync_spider.sources.requests import page_request
from datasync_spider.sources.spec import Stream
from mock_api.records import link_record
from tests.mock_api.client import Server
from tests.support.stylesource import STYLES

RECORDS = 215
SIZE = 20


@pytest.fixture(scope="module")
def mock() -> Iterator[Server]:
    server = Server("--records", str(RECORDS), "--total", "1")
    yield server
    assert server.close() == 0


def walk(mock: Server, stream: Stream, position: str | None = None) -> list[tuple[str | None, list[str | None]]]:
    """The positions and the ids of their records."""
    found = []
    for _ in range(RECORDS):
        # Those that have seen nothing before, for each page.
        way = paginator(stream.next, stream=stream)
        pages = PageReader(stream, way)
        asked = page_request(stream, mock.base_url, way.ask(position), {"page_size": str(SIZE)}, Authorization())
        path = f"{{base}}{asked.url.removeprefix(mock.base_url)}"
        answer = mock.ask(path, asked.method, asked.body, **dict(asked.headers))
        pairs = answer.headers.items()
        page = check_answer(
            pages,
            Asked(asked.url, position, SIZE),
            answer.status,
            partial(plain_pairs, pairs),
            answer.body,
            listed_pairs(pairs),
        )
        found.append((position, [pages.records.readable_id(bytes(record)) for record in page.raw_events]))
        position = page.next_cursor
        if position is None:
            return found
    raise AssertionError("it never ends")


def streams() -> dict[str, Stream]:
    return dict(read_source(STYLES.format(base_url="https://api.example.com"), "styles.toml").streams)


@pytest.mark.parametrize("name", streams())
def test_every_record_comes_once_and_the_rest_of_them_from_each_position(mock: Server, name: str) -> None:
    stream = streams()[name]

    pages = walk(mock, stream)

    ids = [record_id for _, page in pages for record_id in page]
    assert ids == [link_record(1, age)["node_id"] for age in range(RECORDS - 1, -1, -1)]
    for number in (1, 5, len(pages) - 1):
        assert walk(mock, stream, pages[number][0]) == pages[number:]
