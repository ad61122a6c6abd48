"""``scrapy sync``: many slices in one process, several side by side, each as good as a crawl of its own."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.crawl import clean_environment, scrapy
from tests.support.database import execute_outside, rows, value
from tests.support.feed import FEED_SETTINGS, feed_events, serving
from tests.support.filesources import assert_totals, write_sources
from tests.support.starting import Process, start
from tests.support.tenants import TenantsApi, tenant_records, tenants_api, tenants_file
from tests.support.waiting import eventually

TOKENS = {name: f"token-of-{name}-4711" for name in "abc"}
SECRETS = {f"SHOP_TOKEN_{name}": token for name, token in TOKENS.items()}
AUTH = '{ type = "bearer", token = "secret:SHOP_TOKEN_{slice.tenant}" }'
STORED = """
    SELECT state.slice::json->>'tenant', count(*), count(DISTINCT event_id) FROM {}
    JOIN ingestion_state AS state ON state.id = slice_id GROUP BY 1 ORDER BY 1
"""


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
        **FEED_SETTINGS,
        **SECRETS,
    }


@pytest.fixture
def start_sync(tmp_path: Path, settings: Mapping[str, str]) -> Iterator[Callable[..., Sync]]:
    started: list[Sync] = []

    def start_one(*arguments: str, **more: str) -> Sync:
        log = tmp_path / f"sync-{len(started) + 1}.log"
        started.append(Sync(log, *arguments, **{**settings, **more}))
        return started[-1]

    yield start_one
    for sync in started:
        sync.process.kill()
        sync.process.wait()


class Sync:
    """A running ``scrapy sync``."""

    def __init__(self, log: Path, *arguments: str, **settings: str) -> None:
        self._log = log
        environment = clean_environment(**settings)
        with log.open("wb") as file:
            self.process: Process = start(
                "scrapy", "sync", *arguments, environment=environment, stdout=file, stderr=file
            )

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")


def write(tmp_path: Path, api: TenantsApi, *names: str, every: str | None = None) -> None:
    text = tenants_file(api.base_url, AUTH)
    texts = {
        name: text.replace('name = "shop"', f'name = "{name}"' + (f'\nevery = "{every}"' if every else ""))
        for name in names
    }
    write_sources(tmp_path / "sources", **texts)


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_named_slices_of_several_sources_go_side_by_side_and_one_that_is_refused_ends_no_other(
    tmp_path: Path, api: TenantsApi, settings: dict[str, str], database_url: str
) -> None:
    write(tmp_path, api, "shop", "store")
    api.tokens["b"] = "another"
    with serving() as feed:
        done = scrapy(
            "sync", "shop", 'store.records {"tenant":"?"}', "events", "--json", **settings, API_BASE_URL=feed.base_url
        )
        assert done.returncode == 1, done.stderr
        *slices, whole = objects(done.stdout)
        assert {
            (one["stream"], one["slice"]): (one["status"], one["exit_code"], one.get("inserted")) for one in slices
        } == {
            ("events", "{}"): ("complete", 0, 30),
            **{
                (f"{name}.records", f'{{"tenant":"{tenant}"}}'): ("failed", 1, 0)
                if tenant == "b"
                else ("complete", 0, 25)
                for name in ("shop", "store")
                for tenant in "abc"
            },
        }
        assert whole["total"]["by_status"] == {"complete": 5, "failed": 2}
        assert whole["total"]["inserted"] == 130
        for name in ("shop", "store"):
            assert rows(database_url, STORED.format(f"{name}__records")) == [("a", 25, 25), ("c", 25, 25)]
            assert_totals(database_url, f"{name}__records", f"{name}.records")
        assert value(database_url, "SELECT count(*) FROM ingested_events") == 30
        # At least two were under way at once.
        overlaps = """SELECT count(*) FROM ingestion_runs AS one JOIN ingestion_runs AS other
            ON one.run_id < other.run_id AND one.started_at < other.ended_at AND other.started_at < one.ended_at"""
        assert value(database_url, overlaps) > 0

        again = scrapy("sync", "sh*", "datasync", **settings, API_BASE_URL=feed.base_url)
    assert again.returncode == 1
    lines = again.stderr.splitlines()
    (line,) = (line for line in lines if line.startswith('shop.records {"tenant":"b"}: failed in '))
    assert "api_refused" in line
    assert any(line.startswith("events: complete in ") and "1 page, 0 new" in line for line in lines)
    assert "4 syncs in " in lines[-1]
    assert "3 complete, 1 failed; 0 new" in lines[-1]
    assert not any(token in done.stderr + done.stdout + again.stderr for token in TOKENS.values())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("shap", "there is no source, stream or slice shap: there are events, shop.records"),
        ("x*", "nothing is like x*: there are events, shop.records"),
        ('shop.records {"tenant":"d"}', 'it has {"tenant":"a"}, {"tenant":"b"}, {"tenant":"c"}'),
    ],
)
def test_unknown_names_are_answered_with_what_there_is(
    tmp_path: Path, api: TenantsApi, settings: dict[str, str], name: str, said: str
) -> None:
    write(tmp_path, api, "shop", every="1h")
    for arguments in (("sync", "shop", name), ("sync", "shop", name, "--follow")):
        done = scrapy(*arguments, **settings)
        assert done.returncode == 2
        assert said in done.stderr
    assert api.asked == []


def test_without_names_what_is_due_is_synced_once_and_what_is_wrong_with_one_file_costs_that_one(
    tmp_path: Path, api: TenantsApi, settings: dict[str, str], database_url: str
) -> None:
    write(tmp_path, api, "shop", every="1h")
    (tmp_path / "sources" / "broken.toml").write_text("[source]\n")
    first = scrapy("sync", "--json", "--concurrency", "2", **settings)
    assert first.returncode == 2, first.stderr
    refused, *slices, _ = objects(first.stdout)
    assert "broken.toml" in refused["detail"]
    assert [one["status"] for one in slices] == ["complete"] * 3
    (tmp_path / "sources" / "broken.toml").unlink()
    second = scrapy("sync", "--json", **settings)
    assert second.returncode == 0, second.stderr
    assert [one["total"]["syncs"] for one in objects(second.stdout)] == [0]
    due = "SELECT count(*) FROM ingestion_due WHERE due_at > now() + INTERVAL '50 minutes' AND claimed_by IS NULL"
    assert value(database_url, due) == 3
    execute_outside(database_url, "UPDATE ingestion_due SET due_at = now()")
    third = scrapy("sync", **settings)
    assert third.returncode == 0, third.stderr
    # What is as always is said once a slice.
    assert ("starts at" in first.stderr, "starts at" in third.stderr) == (True, False)
    assert len([line for line in third.stderr.splitlines() if "1 page, 0 new" in line]) == 3, third.stderr


def test_what_is_followed_is_kept_fresh_until_a_signal(
    tmp_path: Path, api: TenantsApi, start_sync: Callable[..., Sync], database_url: str
) -> None:
    write(tmp_path, api, "shop", every="1s")
    api.tokens["b"] = "another"
    with serving() as feed:
        sync = start_sync("--follow", API_BASE_URL=feed.base_url, SYNC_EVERY="1s")
        count = "SELECT count(*) FROM ingested_events"
        eventually(lambda: value(database_url, count) == 30, what=f"the first sync: {sync.log}")
        feed.events = [*feed_events(7, "new"), *feed.events]
        api.records["a"] = [
            *({**one, "id": f"n-{n}"} for n, one in enumerate(tenant_records("a", 5))),
            *api.records["a"],
        ]
        eventually(lambda: value(database_url, count) == 37, what="new events")
        stored = STORED.format("shop__records")
        eventually(lambda: ("a", 30, 30) in rows(database_url, stored), what="new records")
        # A file that is new is taken up, and what failed has ended nothing.
        write(tmp_path, api, "store", every="1s")
        eventually(lambda: value(database_url, "SELECT to_regclass('store__records') IS NOT NULL"), what="the new file")
        eventually(lambda: len(rows(database_url, STORED.format("store__records"))) == 2, what="its records")
        failures = "SELECT max(failures) FROM ingestion_due"
        eventually(lambda: value(database_url, failures) >= 1, what="the failure to be noted")
        sync.process.send_signal(signal.SIGTERM)
        # The promise is ten seconds; more is what a busy machine takes.
        assert sync.process.wait(20) == 5, sync.log
    assert value(database_url, "SELECT count(*) FROM ingestion_runs WHERE status = 'running'") == 0
    assert value(database_url, "SELECT count(*) FROM ingestion_due WHERE claimed_by IS NOT NULL") == 0


def test_what_was_claimed_and_not_begun_is_given_back_at_a_signal_and_when_syncs_become_slow(
    tmp_path: Path, settings: dict[str, str], start_sync: Callable[..., Sync], database_url: str
) -> None:
    names = [f"t{number:02}" for number in range(60)]
    claims = "SELECT count(*) FROM ingestion_due WHERE claimed_until > now() AND run_id IS NULL"
    with tenants_api(dict.fromkeys(names, "token"), 5) as api:
        secrets = dict.fromkeys((f"SHOP_TOKEN_{name}" for name in names), "token")
        text = tenants_file(api.base_url, AUTH, slices=names).replace('"shop"', '"shop"\nevery = "1h"')
        write_sources(tmp_path / "sources", shop=text)
        goes_on = threading.Event()

        def slowly(_: int) -> None:
            goes_on.wait(60)

        for name in names[40:]:
            api.instead[name] = slowly
        sync = start_sync("--concurrency", "3", **secrets)
        eventually(lambda: len(api.tenants()) == 43, what=f"the slow ones: {sync.log}")
        # What is under way keeps its claim until its run has ended.
        eventually(lambda: value(database_url, claims) == 3, what="the claims of what was ahead to be given back")
        sync.process.send_signal(signal.SIGTERM)
        goes_on.set()
        assert sync.process.wait(20) == 5, sync.log
    assert value(database_url, claims) == 0


def test_two_that_follow_share_the_work_and_one_takes_over_what_the_other_has_when_it_is_killed(
    tmp_path: Path, api: TenantsApi, start_sync: Callable[..., Sync], database_url: str
) -> None:
    write(tmp_path, api, "shop", "store", every="1s")
    both = [start_sync("--follow", "--json", "--concurrency", "2", LEASE_TTL_MS="6000") for _ in range(2)]
    complete = """SELECT min(runs) FROM (
        SELECT count(*) AS runs FROM ingestion_runs WHERE status = 'complete' GROUP BY slice_id) AS one"""
    slices = "SELECT count(DISTINCT slice_id) FROM ingestion_runs WHERE status = 'complete'"
    eventually(lambda: value(database_url, slices) == 6 and value(database_url, complete) >= 3, what=both[0].log)
    # Whichever has come first might have done all of that by itself.
    eventually(lambda: all('"exit_code": 0' in sync.log for sync in both), what="a share for each")
    api.held = set("abc")
    for tenant in "abc":
        api.records[tenant] = [
            *({**one, "id": f"n-{n}"} for n, one in enumerate(tenant_records(tenant, 9))),
            *api.records[tenant],
        ]
    eventually(
        lambda: value(database_url, "SELECT count(*) FROM ingestion_runs WHERE status = 'running'") >= 4, what="runs"
    )
    both[0].process.kill()
    both[0].process.wait()
    api.release()
    # What it had claimed, and not begun, would come free after a minute.
    execute_outside(
        database_url, "UPDATE ingestion_due SET claimed_until = now() WHERE claimed_until > now() + INTERVAL '3 s'"
    )
    whole = [(tenant, 34, 34) for tenant in "abc"]

    def is_whole(name: str) -> bool:
        return rows(database_url, STORED.format(f"{name}__records")) == whole

    for name in ("shop", "store"):
        eventually(lambda name=name: is_whole(name), what=f"all of {name}: {both[1].log}")  # type: ignore[misc]
    both[1].process.send_signal(signal.SIGINT)
    assert both[1].process.wait(20) == 5, both[1].log
    for name in ("shop", "store"):
        assert_totals(database_url, f"{name}__records", f"{name}.records")
    # No slice was run by both at once, and each had its share.
    for sync in both:
        assert "lease" not in sync.log
