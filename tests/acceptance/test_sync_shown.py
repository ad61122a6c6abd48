"""What a process that syncs many slices shows of itself: to a probe, to Prometheus, and to a person at a terminal."""

from __future__ import annotations

import re
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.crawl import clean_environment, scrapy
from tests.support.database import execute_outside, value, with_database
from tests.support.endpoint import Endpoint
from tests.support.filesources import write_sources
from tests.support.starting import start
from tests.support.tenants import TenantsApi, tenants_api, tenants_file
from tests.support.terminal import OnTerminal
from tests.support.waiting import eventually

NAMES = [f"t{number:02}" for number in range(25)]
AUTH = '{ type = "bearer", token = "secret:SHOP_TOKEN_{slice.tenant}" }'
TOKENS = {name: f"token-of-{name}-4711" for name in ("a", "b", "c", *NAMES)}


@pytest.fixture
def api() -> Iterator[TenantsApi]:
    with tenants_api(TOKENS, count=10) as found:
        yield found


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> dict[str, str]:
    return {
        "DATABASE_URL": database_url,
        "DATASYNC_HOME": str(tmp_path / "home"),
        "SOURCES_DIR": str(tmp_path / "sources"),
        "METRICS_PORT": "0",
        **{f"SHOP_TOKEN_{name}": token for name, token in TOKENS.items()},
    }


class Sync:
    """A running ``scrapy sync``."""

    def __init__(self, log: Path, *arguments: str, **settings: str) -> None:
        self._log = log
        environment = clean_environment(**settings)
        with log.open("wb") as file:
            self.process = start("scrapy", "sync", *arguments, environment=environment, stdout=file, stderr=file)

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")


@pytest.fixture
def follow(tmp_path: Path, settings: Mapping[str, str]) -> Iterator[Callable[..., Sync]]:
    started: list[Sync] = []

    def begin(*arguments: str, **more: str) -> Sync:
        started.append(Sync(tmp_path / "sync.log", "--follow", *arguments, **{**settings, **more}))
        return started[-1]

    yield begin
    for sync in started:
        sync.process.kill()
        sync.process.wait()


def write(tmp_path: Path, api: TenantsApi, *names: str, slices: tuple[str, ...] = ("a", "b", "c")) -> None:
    text = tenants_file(api.base_url, AUTH, slices=slices)
    texts = {name: text.replace('name = "shop"', f'name = "{name}"\nevery = "1h"') for name in names}
    write_sources(tmp_path / "sources", **texts)


def test_one_that_follows_is_not_ready_while_something_is_late_or_the_database_is_away(
    tmp_path: Path, api: TenantsApi, follow: Callable[..., Sync], database_url: str
) -> None:
    write(tmp_path, api, "shop")
    endpoint = Endpoint(follow())

    def report(status: str, said: str = "") -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            code, found = endpoint.readiness()
            assert (code == 200) == (found["status"] == "ready")
            return found if found["status"] == status and said in found.get("database", "") else None

        found = eventually(look, what=f"status {status}")
        assert found is not None
        return found

    eventually(
        lambda: endpoint.metrics().get(("datasync_syncs_total", "complete", "shop", "shop.records")) == 3, what="all"
    )
    assert endpoint.ask("/livez") == (200, b'{"status": "alive"}\n')
    eventually(lambda: "next_due_at" in report("ready"), what="when the next is due")
    # Another process has it, and does nothing with it.
    execute_outside(
        database_url,
        "UPDATE ingestion_due SET due_at = now() - INTERVAL '3 hours', claimed_by = 'another',"
        """ claimed_until = now() + INTERVAL '1 hour' WHERE slice LIKE '%"b"%'""",
    )
    found = report("late")
    (late,) = found["latest"]
    assert (late["stream"], late["slice"], found["late"], found["more"]) == ("shop.records", '{"tenant":"b"}', 1, 0)
    assert 10_800 <= late["late_seconds"] < 11_000
    assert endpoint.metrics()["datasync_late_slices", "shop", "shop.records"] == 1
    assert endpoint.metrics()["datasync_stream_late_seconds", "shop", "shop.records"] >= 10_800
    execute_outside(database_url, "UPDATE ingestion_due SET claimed_until = now() WHERE claimed_by = 'another'")
    found = report("ready")
    assert found["late"] == 0
    name = value(database_url, "SELECT current_database()")
    elsewhere = with_database(database_url, "postgres")
    execute_outside(elsewhere, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    execute_outside(elsewhere, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
    # At first it may say that the connection was ended in the middle of a question.
    found = report("database_away", "not currently accepting connections")
    assert found["away_since"]
    assert endpoint.ask("/livez")[0] == 200
    execute_outside(elsewhere, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    report("ready")


def test_the_metrics_of_fifty_slices_have_one_line_for_each_stream(
    tmp_path: Path, api: TenantsApi, follow: Callable[..., Sync]
) -> None:
    write(tmp_path, api, "shop", "store", slices=tuple(NAMES))
    api.tokens[NAMES[3]] = "another"
    sync = follow("--concurrency", "8")
    endpoint = Endpoint(sync)

    def is_done() -> bool:
        metrics = endpoint.metrics()
        syncs = sum(count for key, count in metrics.items() if key[0] == "datasync_syncs_total")
        return syncs >= 50

    eventually(is_done, what=f"the syncs: {sync.log}")
    metrics = endpoint.metrics()
    for name in ("shop", "store"):
        stream = (name, f"{name}.records")
        assert metrics["datasync_syncs_total", "complete", *stream] == 24
        assert metrics["datasync_syncs_total", "failed", *stream] == 1
        assert metrics["datasync_requests_total", *stream] == 24 * 2 + 1
        assert metrics["datasync_pages_committed_total", *stream] == 24 * 2
        assert metrics["datasync_events_total", "inserted", *stream] == 240
        assert metrics["datasync_slices_under_way", *stream] == 0
        assert metrics["datasync_newest_event_timestamp_seconds", *stream] > 0
    for family in ("datasync_pages_fetched_total", "datasync_slices_under_way", "datasync_late_slices"):
        assert len([key for key in metrics if key[0] == family]) == 2
    assert b"tenant" not in endpoint.ask("/metrics")[1]
    sync.process.send_signal(signal.SIGTERM)
    assert sync.process.wait(20) == 5, sync.log


def test_a_port_in_use_is_a_wrong_setting_and_found_before_any_request(
    tmp_path: Path, api: TenantsApi, settings: Mapping[str, str]
) -> None:
    write(tmp_path, api, "shop")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = scrapy("sync", "shop", **{**settings, "METRICS_PORT": str(taken.getsockname()[1])})
    assert done.returncode == 2, done.stderr
    assert "Address already in use" in done.stderr
    assert api.asked == []


def test_on_a_terminal_all_of_them_are_drawn_with_what_fails(
    tmp_path: Path, api: TenantsApi, settings: Mapping[str, str]
) -> None:
    write(tmp_path, api, "shop", slices=("a", "b", "c", *NAMES[:5]))
    api.tokens["b"] = "another"
    api.held = {"c"}
    common: dict[str, Any] = {**settings, "PROGRESS_LOG_INTERVAL_MS": "200"}
    sync = OnTerminal("sync", "shop", columns=110, **common)
    try:
        eventually(lambda: "sync: 7 done, 1 under way, 0 left, 1 failing" in sync.text, what=f"totals: {sync.text}")
        failing = r'  shop\.records \{"tenant":"b"\} +failed \d+ \w+ ago: api_refused'
        eventually(lambda: re.search(failing, sync.text), what=f"the one that fails: {sync.text}")
        pattern = r"[\d,]+ records/s, [\d.,]+ pages/s now; \d+ new; 1 request open, 0 waiting"
        eventually(lambda: re.search(pattern, sync.text), what=f"how fast it is: {sync.text}")
        api.release()
        assert sync.wait() == 1, sync.text
        assert 'shop.records {"tenant":"a"}: complete in ' in sync.text
        assert "progress: " not in sync.text
        assert re.search(r"sync: 8 syncs in .* s: 7 complete, 1 failed; 70 new\s*$", sync.text)
        assert not any(token in sync.raw for token in TOKENS.values())
    finally:
        sync.close()


def test_objects_for_programs_are_not_drawn_over(tmp_path: Path, api: TenantsApi, settings: Mapping[str, str]) -> None:
    write(tmp_path, api, "shop")
    api.held = {"c"}
    common: dict[str, Any] = {**settings, "PROGRESS_LOG_INTERVAL_MS": "200"}
    sync = OnTerminal("sync", "shop", "--json", **common)
    try:
        eventually(lambda: "progress: " in sync.text, what="a line")
        api.release()
        assert sync.wait() == 0, sync.text
        assert "\x1b" not in sync.raw
    finally:
        sync.close()
