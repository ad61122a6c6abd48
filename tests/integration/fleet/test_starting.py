"""What a process notes before its first slice: a database that is away at that moment ends no start."""

from __future__ import annotations

import threading

import pytest
from psycopg2.extensions import parse_dsn
from scrapy.settings import Settings

from datasync_spider.config import Config
from datasync_spider.fleet.claims import Claims
from datasync_spider.fleet.roster import Registered, Roster
from datasync_spider.fleet.starting import register
from datasync_spider.storage.due import Rhythm
from tests.support.database import execute_outside, rows
from tests.support.waiting import eventually

SAID = "the database is not available, trying again"


def test_what_is_due_is_noted_when_a_database_that_was_away_is_back(
    database_url: str, postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    name = str(parse_dsn(database_url)["dbname"])
    roster = Roster(sources={"shop": Registered([Rhythm("shop.records", ["{}"], 60.0)])})
    claims = Claims(database_url)
    config = Config.from_settings(Settings(), {"DATABASE_URL": database_url}, None)
    raised: list[BaseException] = []

    def start() -> None:
        try:
            register(claims, roster, config)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
            raised.append(error)

    execute_outside(postgres_url, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    thread = threading.Thread(target=start)
    thread.start()
    eventually(lambda: SAID in caplog.text or not thread.is_alive(), what="a look that no one answers")
    execute_outside(postgres_url, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    thread.join(60)
    assert raised == []
    assert rows(database_url, "SELECT stream, every_seconds FROM ingestion_due") == [("shop.records", 60.0)]
