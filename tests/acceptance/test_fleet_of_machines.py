"""A fleet whose scheduler, worker and driver are apart: who is let in, where they listen, and what is submitted."""

from __future__ import annotations

import asyncio
import pickle
import re
import shlex
import signal
import socket
import ssl
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import distributed
import psutil
import pytest

from datasync_spider.errors import ConfigurationError
from datasync_spider.fleet import reachable
from datasync_spider.fleet.dask.certificates import make_certificates, security_of
from datasync_spider.storage.connection import connected
from datasync_spider.storage.identity import identity_of
from tests.support.commandlines import accepted
from tests.support.database import rows, value
from tests.support.feed import FEED_SETTINGS
from tests.support.filesources import assert_totals, write_sources
from tests.support.fleets import Fleet, objects
from tests.support.tenants import TenantsApi, tenants_api, tenants_file
from tests.support.waiting import eventually

TOKENS = {name: f"token-of-{name}-4711" for name in "abc"}
SECRETS = {f"SHOP_TOKEN_{name}": token for name, token in TOKENS.items()}
AUTH = '{ type = "bearer", token = "secret:SHOP_TOKEN_{slice.tenant}" }'
HTTP_OF_DASK = "127.0.0.1"


@pytest.fixture
def api() -> Iterator[TenantsApi]:
    with tenants_api(TOKENS) as found:
        yield found


def listens_at(fleet: Fleet) -> str:
    """What a node says of itself."""

    def look() -> str | None:
        found = re.search(r"listens at (tls://[0-9.:]+)", fleet.log)
        return found and found[1]

    return eventually(look, what=f"a node that listens: {fleet.log}") or ""


def lets_in(address: str, authority: Path, certificate: Path | None) -> bool:
    """Whether what listens there says anything to who shows this certificate."""
    context = ssl.create_default_context(cafile=str(authority / "authority.pem"))
    context.check_hostname = False
    if certificate is not None:
        context.load_cert_chain(certificate / "driver.pem", certificate / "driver-key.pem")
    place = urlsplit(address)
    with socket.create_connection((str(place.hostname), int(place.port or 0)), 20) as plain:
        try:
            with context.wrap_socket(plain) as safe:
                return bool(safe.recv(1))
        except (ssl.SSLError, ConnectionError):
            return False


def test_the_certificates_of_a_fleet_are_for_no_other_eyes_and_none_is_replaced(tmp_path: Path) -> None:
    made = make_certificates(tmp_path / "fleet")
    assert len(made) == 8
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o600}
    assert stat.S_IMODE((tmp_path / "fleet").stat().st_mode) == 0o700
    before = {path: path.read_bytes() for path in made}
    (tmp_path / "fleet" / "worker.pem").unlink()
    again = make_certificates(tmp_path / "fleet")
    assert {path.name for path in again} == {"worker.pem", "worker-key.pem"}
    assert {path for path in made if path.read_bytes() != before[path]} == set(again)
    security_of(tmp_path / "fleet", "worker")


def test_where_certificates_are_missing_it_is_said_which_and_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"worker-key\.pem") as refused:
        security_of(tmp_path / "fleet", "worker")
    (command,) = re.findall(r"'scrapy (.*)'", str(refused.value))
    assert accepted(shlex.split(command)).certificates == str(tmp_path / "fleet")


def test_who_shows_no_certificate_of_the_fleet_is_refused_and_names_are_all_that_is_submitted(
    tmp_path: Path, api: TenantsApi, database_url: str
) -> None:
    ours, others = tmp_path / "ours", tmp_path / "others"
    for directory in (ours, others):
        make_certificates(directory)
    write_sources(tmp_path / "sources", shop=tenants_file(api.base_url, AUTH, slices=("a", "b")))
    settings = {
        "DATABASE_URL": database_url,
        "DATASYNC_HOME": str(tmp_path / "home"),
        "SOURCES_DIR": str(tmp_path / "sources"),
        **FEED_SETTINGS,
    }
    api.held = set("ab")
    shown = ("--certificates", str(ours))
    scheduler = Fleet(tmp_path, "scheduler", "--host", "127.0.0.2", "--port", "0", *shown, **settings)
    nodes = [scheduler]
    try:
        address = listens_at(scheduler)
        nodes.append(
            Fleet(
                tmp_path,
                *("worker", "--scheduler", address, "--host", "127.0.0.3", "--processes", "1", *shown),
                **settings,
                **SECRETS,
            )
        )
        addresses = [address, listens_at(nodes[1])]
        for node, own in zip(nodes, addresses, strict=True):
            found = psutil.Process(node.process.pid).net_connections("tcp")
            listening = {one.laddr[0] for one in found if one.status == psutil.CONN_LISTEN}
            assert listening == {urlsplit(own).hostname, HTTP_OF_DASK}
            assert [lets_in(own, ours, shown) for shown in (ours, others, None)] == [True, False, False]
        # As the health checks of containers ask.
        assert reachable.main([address, str(ours), "worker"]) == 0
        assert "does not let the worker in" in str(reachable.main([address, str(others), "worker"]))
        # The driver has no secret at all.
        driver = Fleet(tmp_path, "shop", "--scheduler", address, *shown, "--json", **settings)
        nodes.append(driver)
        running = "SELECT count(*) FROM ingestion_runs WHERE status = 'running'"
        eventually(lambda: value(database_url, running) == 2, what=f"both runs: {driver.log}")
        # Whoever looks on sees where they are, and who drives.
        worker = addresses[1].removeprefix("tls://")
        host = socket.gethostname()
        machines = rows(database_url, "SELECT host, worker, state, held FROM ingestion_machines")
        assert machines == [(host, worker, "running", 2)]
        fleets = "SELECT host, places, dashboard_url FROM ingestion_fleets"
        eventually(lambda: rows(database_url, fleets) == [(host, 1, None)], what="the driver's own row")
        (submitted,) = asyncio.run(tasks_of(address, ours))
        assert b'shop.records {"tenant":"a"}' in submitted
        with connected(database_url) as connection:
            assert identity_of(connection).encode() in submitted
        assert not any(token.encode() in submitted for token in TOKENS.values())
        api.release()
        assert driver.wait() == 0, driver.log
        assert [one["status"] for one in objects(driver.out)[:2]] == ["complete", "complete"]
        assert rows(database_url, fleets) == []
        assert rows(database_url, "SELECT DISTINCT host, worker FROM ingestion_run_facts") == [(host, worker)]
        for node in (nodes[1], scheduler):
            node.process.send_signal(signal.SIGTERM)
            assert node.process.wait(30) == 5, node.log
    finally:
        for node in nodes:
            node.end()
    assert rows(database_url, "SELECT count(*), count(DISTINCT (slice_id, event_id)) FROM shop__records") == [(50, 50)]
    assert_totals(database_url, "shop__records", "shop.records")


def test_a_worker_ends_by_a_signal_while_its_scheduler_is_away(tmp_path: Path) -> None:
    make_certificates(tmp_path / "fleet")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        address = f"tls://127.0.0.1:{silent.getsockname()[1]}"
        settings = {"DATABASE_URL": "postgresql://nowhere", "DATASYNC_HOME": str(tmp_path)}
        worker = Fleet(tmp_path, "worker", "--scheduler", address, "--processes", "1", **settings)
        try:
            asking, _ = silent.accept()
            with asking:
                worker.process.send_signal(signal.SIGTERM)
                assert worker.process.wait(30) == 5, worker.log
        finally:
            worker.end()


async def tasks_of(address: str, certificates: Path) -> list[bytes]:
    """All that the scheduler has been given to be run."""

    def look(dask_scheduler: distributed.Scheduler) -> list[bytes]:
        return [pickle.dumps(task.run_spec) for task in dask_scheduler.tasks.values()]

    security = security_of(certificates, "driver")
    async with distributed.Client(address, security=security, asynchronous=True, set_as_default=False) as client:
        found: list[bytes] = await client.run_on_scheduler(look)
        return found
