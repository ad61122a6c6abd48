"""``scrapy fleet``: bundles of slices in processes of Dask's workers, which end with their worker."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from datasync_spider.process.bundlepipe import PIPE
from datasync_spider.storage.connection import connected
from datasync_spider.storage.identity import EXPECTED, identity_of
from tests.support.crawl import PROJECT, clean_environment, scrapy
from tests.support.database import rows, value
from tests.support.feed import FEED_SETTINGS, serving
from tests.support.filesources import assert_totals, write_sources
from tests.support.fleets import Fleet, bundles_of, objects
from tests.support.tenants import TenantsApi, tenants_api, tenants_file
from tests.support.waiting import eventually

TOKENS = {name: f"token-of-{name}-4711" for name in "abc"}
SECRETS = {f"SHOP_TOKEN_{name}": token for name, token in TOKENS.items()}
AUTH = '{ type = "bearer", token = "secret:SHOP_TOKEN_{slice.tenant}" }'


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
    }


def test_a_fleet_syncs_what_is_named_and_a_worker_says_which_secret_it_lacks(
    tmp_path: Path, api: TenantsApi, settings: dict[str, str], database_url: str
) -> None:
    write_sources(tmp_path / "sources", shop=tenants_file(api.base_url, AUTH, slices=("a",)))
    # They are many on a machine, so none of them serves metrics, and none minds that the port is taken.
    with serving() as feed, socket.create_server(("127.0.0.1", 0)) as taken:
        settings |= {"API_BASE_URL": feed.base_url, "METRICS_PORT": str(taken.getsockname()[1])}
        fleet = Fleet(tmp_path, "events", "shop", "--local", "2", "--json", **settings)
        assert fleet.wait() == 2, fleet.log
    events, shop, whole = sorted(objects(fleet.out), key=lambda one: str(one.get("stream", "~")))
    assert (events["stream"], events["status"], events["inserted"]) == ("events", "complete", 30)
    assert events["worker"]
    assert shop["exit_code"] == 2
    assert "SHOP_TOKEN_a" in shop["detail"]
    assert whole["total"]["by_status"] == {"complete": 1, "refused": 1}
    assert api.asked == []
    assert_totals(database_url, "ingested_events", "events")


def test_a_bundle_ends_with_its_worker_and_what_it_had_goes_to_another_one(
    tmp_path: Path, api: TenantsApi, settings: dict[str, str], database_url: str
) -> None:
    text = tenants_file(api.base_url, AUTH).replace('name = "shop"', 'name = "shop"\nevery = "1h"')
    write_sources(tmp_path / "sources", shop=text)
    api.held = set("abc")
    # So long that no process hears by its heartbeat, within the time of this test, that it is fenced off.
    fleet = Fleet(tmp_path, "--follow", "--local", "2", "--json", **settings, **SECRETS, LEASE_TTL_MS="600000")
    try:
        running = "SELECT count(*) FROM ingestion_runs WHERE status = 'running'"
        eventually(lambda: value(database_url, running) == 3, what=f"all runs: {fleet.log}")
        (one, its), (other, others) = bundles_of(fleet.process.pid)
        one.kill()
        eventually(lambda: not its.is_running(), seconds=20, what="the end of the process whose worker was killed")
        # It was not for its fence, which ends it as well as soon as it has something to write.
        assert "received SIGHUP" in fleet.log
        # As the death of a machine: the one has no time to say that it stops.
        other.kill()
        others.kill()
        lost = "SELECT count(*) FROM ingestion_runs WHERE detail LIKE 'the worker that has started it is gone%'"
        eventually(lambda: value(database_url, lost) >= 1, what=f"fences that the driver has raised: {fleet.log}")
        api.release()
        complete = "SELECT count(DISTINCT slice_id) FROM ingestion_runs WHERE status = 'complete'"
        eventually(lambda: value(database_url, complete) == 3, what=f"all slices: {fleet.log}")
        left = psutil.Process(fleet.process.pid).children(recursive=True)
        fleet.process.send_signal(signal.SIGTERM)
        # The promise is ten seconds; more is what a busy machine takes.
        assert fleet.process.wait(30) == 5, fleet.log
        psutil.wait_procs(left, timeout=20)
        assert not [process for process in left if process.is_running()]
    finally:
        fleet.end()
    assert rows(database_url, "SELECT count(*), count(DISTINCT (slice_id, event_id)) FROM shop__records") == [(75, 75)]
    assert_totals(database_url, "shop__records", "shop.records")
    assert value(database_url, running) == 0
    assert value(database_url, "SELECT count(*) FROM ingestion_due WHERE claimed_by IS NOT NULL") == 0


def test_a_worker_with_another_database_than_the_drivers_says_so_and_leaves_it_alone(
    tmp_path: Path, api: TenantsApi, settings: dict[str, str], database_url: str, empty_database_url: str
) -> None:
    write_sources(tmp_path / "sources", shop=tenants_file(api.base_url, AUTH))
    with connected(database_url) as connection:
        drivers = identity_of(connection)
    ours, its_workers = os.pipe()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "scrapy", "sync", "shop", "--json"],
            cwd=PROJECT,
            env=clean_environment(**{**settings, **SECRETS, "DATABASE_URL": empty_database_url})
            | {PIPE: str(ours), EXPECTED: drivers},
            pass_fds=[ours],
            check=False,
            capture_output=True,
            text=True,
        )
    finally:
        os.close(ours)
        os.close(its_workers)
    assert done.returncode == 2, done.stderr
    said, _ = objects(done.stdout)
    assert f"than that of the driver ({drivers};" in said["detail"]
    assert api.asked == []
    assert value(empty_database_url, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace") == 0


def test_without_dask_a_fleet_is_refused_with_how_to_get_it(tmp_path: Path, settings: dict[str, str]) -> None:
    (tmp_path / "distributed.py").write_text("raise ImportError('no such module')", encoding="utf-8")
    environment = clean_environment(**settings, PYTHONPATH=f"{tmp_path}{os.pathsep}{PROJECT}")
    done = subprocess.run(
        [sys.executable, "-m", "scrapy", "fleet"],
        cwd=PROJECT,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "pip install --require-hashes -r requirements-fleet.txt" in done.stderr


def test_dasks_own_page_is_refused_where_it_cannot_be_served_with_what_is_missing(settings: dict[str, str]) -> None:
    wrong = scrapy("fleet", "scheduler", "--dashboard", "http://127.0.0.1:8787", **settings)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "--dashboard http://127.0.0.1:8787: it is to be HOST:PORT" in wrong.stderr
    if find_spec("bokeh") is None:
        missing = scrapy("fleet", "--dashboard", "127.0.0.1:0", **settings)
        assert missing.returncode == 2
        assert "Dask's page needs bokeh, which is not installed: pip install 'bokeh>=3.1'" in missing.stderr
