"""A stream that is read otherwise than what is stored of it was is refused, by what has changed."""

from __future__ import annotations

from contextlib import closing

import pytest

from datasync_spider.errors import StreamChanged
from datasync_spider.storage.connection import connected
from datasync_spider.storage.runs import OpenRun, open_run
from tests.support.database import execute_outside, value
from tests.support.pages import page
from tests.support.runs import ELSEWHERE, RunWriter
from tests.support.sources import stream_spec

BEFORE = {"id": "id", "order": "newest-first"}
NOW = {"id": "eventId", "next": "cursor", "order": "newest-first"}


def begin(url: str, fingerprint: dict[str, str]) -> OpenRun:
    with connected(url) as connection:
        spec = stream_spec("orders", fingerprint=fingerprint)
        return open_run(connection, spec, 60_000, "test", me=ELSEWHERE, alive=lambda _: False)


def known(url: str) -> object:
    return value(url, "SELECT fingerprint FROM ingestion_streams WHERE name = 'orders'")


def store_a_page(url: str) -> None:
    writer = RunWriter(url, begin(url, BEFORE))
    with closing(writer.connection):
        writer.write(page(1, ["a"]))


def test_a_stream_without_a_committed_page_takes_the_new_one(database_url: str) -> None:
    begin(database_url, BEFORE)
    assert known(database_url) == BEFORE
    begin(database_url, NOW)
    assert known(database_url) == NOW


def test_what_is_stored_keeps_its_own_and_every_change_is_named(database_url: str) -> None:
    store_a_page(database_url)
    changes = r"\(id was 'id' and is 'eventId'; next was 'not set' and is 'cursor'\).*scrapy streams reset orders"
    with pytest.raises(StreamChanged, match=changes):
        begin(database_url, NOW)
    assert known(database_url) == BEFORE


def test_rows_whose_pages_were_deleted_as_history_are_stored_all_the_same(database_url: str) -> None:
    store_a_page(database_url)
    execute_outside(database_url, "DELETE FROM ingestion_pages")
    with pytest.raises(StreamChanged):
        begin(database_url, NOW)
