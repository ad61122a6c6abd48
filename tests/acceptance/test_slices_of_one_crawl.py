"""Slices of one stream are synced side by side in one crawl, and each of them ends as if it were alone."""

from __future__ import annotations

import json
import re
import signal
import threading
from ast import literal_eval
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from datasync_spider.settings import EXTENSIONS, ITEM_PIPELINES
from tests.support.crawl import clean_environment, scrapy
from tests.support.database import execute_outside, rows, value
from tests.support.filesources import assert_totals, write_sources
from tests.support.starting import start
from tests.support.tenants import TenantsApi, tenants_api, tenants_file
from tests.support.waiting import eventually

REFUSED, STALLS, TOO_LARGE, WAITS, FENCED, HELD, SPOILED, *WHOLE = tuple("abcdefghijklmn")
TOKENS = {name: f"token-of-{name}-4711" for name in "abcdefghijklmn"} | {HELD: f"token-of-{WAITS}-4711"}
AUTH = '{ type = "bearer", token = "secret:SHOP_TOKEN_{slice.tenant}" }'
RUNS = """
    SELECT slice::json->>'tenant', status, coalesce(reason, ''), inserted FROM ingestion_run_facts ORDER BY 1
"""
STORED = """
    SELECT slice::json->>'tenant', count(*), count(DISTINCT event_id) FROM shop__records
    JOIN ingestion_state AS state ON state.id = slice_id GROUP BY 1
"""


class Sync:
    """A running ``scrapy sync``."""

    def __init__(self, directory: Path, *arguments: str, **settings: str) -> None:
        self._log = directory / "sync.log"
        with self._log.open("wb") as file:
            self.process = start(
                "scrapy", "sync", *arguments, environment=clean_environment(**settings), stdout=file, stderr=file
            )

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Of a log for programs."""
        return [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]


@pytest.fixture
def api() -> Iterator[TenantsApi]:
    with tenants_api(TOKENS) as found:
        yield found


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> dict[str, str]:
    return {
        "DATABASE_URL": database_url,
        "DATASYNC_HOME": str(tmp_path / "home"),
        "SOURCES_DIR": str(tmp_path / "sources"),
        **{f"SHOP_TOKEN_{name}": token for name, token in TOKENS.items()},
    }


def status_of(database_url: str) -> dict[str, tuple[str, str]]:
    return {tenant: (status, reason) for tenant, status, reason, _ in rows(database_url, RUNS)}


def test_what_becomes_of_one_slice_is_no_matter_of_the_others(
    tmp_path: Path, api: TenantsApi, settings: Mapping[str, str], database_url: str
) -> None:
    write_sources(tmp_path / "sources", shop=tenants_file(api.base_url, AUTH, slices=tuple(TOKENS)))
    api.tokens[REFUSED] = "another"
    del api.records[SPOILED][7]["id"]
    api.held = {STALLS, FENCED}
    # Whoever has the credential of the one that waits is held as well, when its second page is there: it is asked for
    # before the other is told to wait, or it never would be.
    second_is_asked_for, is_asked_to_wait, may_go_on = threading.Event(), threading.Event(), threading.Event()

    def wait(page: int) -> tuple[int, dict[str, str], Any] | None:
        if page == 1:
            return None
        second_is_asked_for.wait(60)
        is_asked_to_wait.set()
        return 429, {"Retry-After": "600"}, {"error": "slow down"}

    def hold(page: int) -> None:
        if page > 1:
            second_is_asked_for.set()
            may_go_on.wait(60)

    large = 200, dict[str, str](), ["x" * 30_000]
    api.instead = {WAITS: wait, HELD: hold, TOO_LARGE: lambda page: large if page == 2 else None}
    sync = Sync(
        tmp_path,
        "shop",
        *("--concurrency", "20"),
        **settings,
        LOG_FORMAT="json",
        LOG_LEVEL="DEBUG",
        LEASE_TTL_MS="3000",
        API_TIMEOUT_MS="50000",
        API_MAX_BODY_BYTES="20000",
        API_RETRY_BASE_MS="100",
        API_MAX_RETRIES="1",
        STALL_TIMEOUT_MS="8000",
        API_RATE_LIMIT_WAIT_BUDGET_MS="900000",
    )
    try:
        stored_pages = "SELECT count(*) FROM ingestion_run_facts WHERE slice::json->>'tenant' = '{}' AND pages = {}"
        first_page, second_page = stored_pages.format(FENCED, 1), stored_pages.format(HELD, 2)
        eventually(lambda: value(database_url, first_page) == 1, what=f"the one that is to be fenced off: {sync.log}")
        execute_outside(
            database_url, f"UPDATE ingestion_state SET fence = fence + 1 WHERE slice::json->>'tenant' = '{FENCED}'"
        )
        assert is_asked_to_wait.wait(60)
        eventually(lambda: '"waiting 600 s' in sync.log, what="the wait of the one that is asked to")
        may_go_on.set()
        over = {REFUSED, STALLS, TOO_LARGE, SPOILED, FENCED, *WHOLE}

        def all_are_over() -> bool:
            found = status_of(database_url)
            return all(found.get(tenant, ("running", ""))[0] != "running" for tenant in over)

        eventually(all_are_over, seconds=60, what=f"the ends of all others: {sync.log}")
        eventually(lambda: sync.log.count('"waiting 5') + sync.log.count('"waiting 6') >= 2, what="the held one")
        eventually(lambda: value(database_url, second_page) == 1, what=f"what it had asked for before: {sync.log}")
        assert status_of(database_url)[WAITS][0] == status_of(database_url)[HELD][0] == "running"
        sync.process.send_signal(signal.SIGTERM)
        assert sync.process.wait(20) == 1, sync.log
    finally:
        sync.process.kill()
        sync.process.wait()
    found = status_of(database_url)
    assert found == {
        REFUSED: ("failed", "api_refused"),
        STALLS: ("failed", "stalled"),
        TOO_LARGE: ("failed", "retries_exhausted"),
        SPOILED: ("complete", "last_page"),
        WAITS: ("stopped", "SIGTERM"),
        FENCED: ("fenced", "fenced"),
        HELD: ("stopped", "SIGTERM"),
        **dict.fromkeys(WHOLE, ("complete", "last_page")),
    }
    stored = {tenant: (count, different) for tenant, count, different in rows(database_url, STORED)}
    assert {tenant: stored[tenant] for tenant in WHOLE} == dict.fromkeys(WHOLE, (25, 25))
    assert (stored[HELD], stored[SPOILED], stored[TOO_LARGE]) == ((10, 10), (24, 24), (5, 5))
    rejected = "SELECT slice::json->>'tenant', count(*) FROM rejected_events AS r JOIN ingestion_state AS state ON"
    assert rows(database_url, f"{rejected} state.id = r.slice_id GROUP BY 1") == [(SPOILED, 1)]
    # One crawler had them all.
    assert [line["message"] for line in sync.lines].count("Spider opened") == 1
    # And what is logged of one has its run.
    inserted: dict[int, int] = {}
    for line in sync.lines:
        if (committed := re.fullmatch(r"committed pages .*: (\d+) inserted, .*", line["message"])) is not None:
            inserted[line["run_id"]] = inserted.get(line["run_id"], 0) + int(committed[1])
    told = "SELECT run_id, inserted FROM ingestion_run_facts WHERE inserted > 0"
    assert inserted == dict(rows(database_url, told))
    runs = dict(rows(database_url, "SELECT slice::json->>'tenant', run_id FROM ingestion_run_facts"))
    for tenant, words in ((REFUSED, "the run fails: "), (STALLS, "the run fails: "), (WAITS, "attempt 1 failed: ")):
        assert any(line["message"].startswith(words) and line.get("run_id") == runs[tenant] for line in sync.lines)


def test_what_a_sync_has_needed_is_gone_with_it(
    tmp_path: Path, api: TenantsApi, settings: Mapping[str, str], database_url: str
) -> None:
    text = tenants_file(api.base_url, AUTH, slices=tuple(WHOLE)).replace('name = "shop"', 'name = "shop"\nevery = "1s"')
    write_sources(tmp_path / "sources", shop=text)
    extensions = json.dumps({**EXTENSIONS, "tests.support.userextensions.WhatIsLeft": 600})
    sync = Sync(tmp_path, "--follow", "-s", f"EXTENSIONS={extensions}", **settings)
    try:
        eventually(lambda: sync.log.count("left [") >= 70, what=f"syncs: {sync.log}")
    finally:
        sync.process.send_signal(signal.SIGTERM)
        sync.process.wait(20)
    left = [dict(literal_eval(found)) for found in re.findall(r"left (\[.*\])", sync.log)]
    # Timers and connections keep what has begun them, for as long as they last.
    early, late = left[25:40], left[55:70]
    kinds = {kind for one in left for kind in one}
    grown = {kind for kind in kinds if min(one.get(kind, 0) for one in late) > max(one.get(kind, 0) for one in early)}
    assert grown == set(), left
    assert_totals(database_url, "shop__records", "shop.records")


def test_what_a_users_components_do_to_one_slice_is_no_matter_of_the_others(
    tmp_path: Path, api: TenantsApi, settings: Mapping[str, str], database_url: str
) -> None:
    write_sources(tmp_path / "sources", shop=tenants_file(api.base_url, AUTH, slices=tuple("abcdef")))
    pipelines = json.dumps({**ITEM_PIPELINES, "tests.support.userpipelines.SpoilSomeTenants": 100})
    middlewares = json.dumps({"tests.support.usermiddlewares.LoseRequestsOfTenant": 100})
    done = scrapy(
        *("sync", "shop", "--concurrency", "6"),
        *("-s", f"ITEM_PIPELINES={pipelines}", "-s", f"SPIDER_MIDDLEWARES={middlewares}"),
        **settings,
    )
    assert done.returncode == 1, done.stderr
    assert {tenant: (status, reason) for tenant, status, reason, _ in rows(database_url, RUNS)} == {
        "a": ("failed", "page_lost"),
        "b": ("failed", "page_lost"),
        "c": ("complete", "last_page"),
        "d": ("failed", "ended_early"),
        "e": ("complete", "last_page"),
        "f": ("complete", "last_page"),
    }
    stored = {tenant: count for tenant, count, _ in rows(database_url, STORED)}
    # After a page is lost nothing more is committed, and the first one was not yet.
    assert {tenant: stored.get(tenant) for tenant in "cdef"} == {"c": 20, "d": 5, "e": 25, "f": 25}


def test_a_second_signal_ends_all_at_once_and_each_of_them_is_told_of(
    tmp_path: Path, api: TenantsApi, settings: Mapping[str, str], database_url: str
) -> None:
    write_sources(tmp_path / "sources", shop=tenants_file(api.base_url, AUTH, slices=tuple("abc")))
    pipelines = json.dumps({**ITEM_PIPELINES, "tests.support.userpipelines.HoldSecondPages": 100})
    sync = Sync(tmp_path, "shop", "--json", "-s", f"ITEM_PIPELINES={pipelines}", **settings)
    try:
        eventually(lambda: sync.log.count("page 2 is held") == 3, what=f"what nobody lets go of: {sync.log}")
        sync.process.send_signal(signal.SIGTERM)
        eventually(lambda: "received SIGTERM" in sync.log, what="the first signal to be heard")
        sync.process.send_signal(signal.SIGTERM)
        assert sync.process.wait(20) == 5, sync.log
    finally:
        sync.process.kill()
        sync.process.wait()
    assert [line["status"] for line in sync.lines if "slice" in line] == ["stopped"] * 3
    assert {tenant: status for tenant, status, *_ in rows(database_url, RUNS)} == dict.fromkeys("abc", "stopped")


def test_one_whose_pages_are_not_let_go_asks_for_no_more_and_the_others_go_on(
    tmp_path: Path, api: TenantsApi, settings: Mapping[str, str], database_url: str
) -> None:
    write_sources(tmp_path / "sources", shop=tenants_file(api.base_url, AUTH, slices=tuple("ab")))
    asked_of_a: list[int] = []

    def hold_until_a_is_held(page: int) -> None:
        if page == 2:
            eventually(lambda: "page 2 is held" in sync.log, seconds=60, what="a page to be held")
        if page == 5:
            asked_of_a.append(sum(asked.tenant == "a" for asked in api.asked))

    api.instead = {"b": hold_until_a_is_held}
    name = "tests.support.userpipelines.HoldTenantUntilAnotherIsThrough"
    pipelines = json.dumps({**ITEM_PIPELINES, name: 100})
    # One page is more than enough.
    sync = Sync(
        tmp_path,
        "shop",
        *("-s", f"ITEM_PIPELINES={pipelines}", "-s", "SCRAPER_SLOT_MAX_ACTIVE_SIZE=1"),
        **settings,
    )
    try:
        assert sync.process.wait(90) == 0, sync.log
    finally:
        sync.process.kill()
        sync.process.wait()
    assert asked_of_a == [2]
    assert sorted(rows(database_url, STORED)) == [("a", 25, 25), ("b", 25, 25)]
