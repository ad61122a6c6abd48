"""Prefect's events: searched by POST, then page after page behind URLs that hold the search and its count."""

from __future__ import annotations

import base64
import json
import sqlite3
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.servers.installing import pip_server
from tests.support.servers.running import RealServer, free_port
from tests.support.waiting import eventually

USER, PASSWORD = "lab", "secret-of-the-lab"
EVENT = "lab.one"
_AUTHORIZATION = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
_EARLIEST = datetime(2024, 1, 1, tzinfo=UTC)
_AT_ONCE = 250
_DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_ENVIRONMENT = {
    "PREFECT_SERVER_API_AUTH_STRING": f"{USER}:{PASSWORD}",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_UI_ENABLED": "false",
    # Otherwise what is older than a week is removed.
    "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "P3650D",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "500",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "0.3",
}


def identity(number: int) -> str:
    """Ids in no order of time."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, str(number)))


def event(number: int) -> dict[str, Any]:
    """Event ``number`` is of ``number`` seconds after the beginning of 2024."""
    return {
        "id": identity(number),
        "occurred": (_EARLIEST + timedelta(seconds=number)).isoformat().replace("+00:00", "Z"),
        "event": EVENT,
        "resource": {"prefect.resource.id": f"lab.{number}"},
        "payload": {"n": number},
    }


def add(url: str, home: Path, numbers: range) -> None:
    """Comes back when all of them are stored: it takes events first, and stores them later."""
    before = len(ids(home))
    for start in range(numbers.start, numbers.stop, _AT_ONCE):
        events = [event(n) for n in range(start, min(start + _AT_ONCE, numbers.stop))]
        headers = {"Content-Type": "application/json", "Authorization": _AUTHORIZATION}
        request = urllib.request.Request(f"{url}/api/events", json.dumps(events).encode(), headers)
        with _DIRECTLY.open(request, timeout=60) as answer:
            assert answer.status == 204
    eventually(lambda: len(ids(home)) >= before + len(numbers), seconds=120, what="that all events are stored")


def ids(home: Path) -> set[str]:
    """What the server's own database holds."""
    with closing(sqlite3.connect(f"file:{home / 'prefect.db'}?mode=ro", uri=True, timeout=30)) as database:
        found = database.execute("SELECT id FROM events WHERE event = ?", (EVENT,))
        return {str(uuid.UUID(key)) for (key,) in found}


@contextmanager
def serving(home: Path) -> Iterator[RealServer]:
    """``home`` is where it keeps its database."""
    port = free_port()
    command = [str(pip_server("prefect") / "bin" / "prefect"), "server", "start", "--host", "127.0.0.1"]
    with RealServer(
        "prefect",
        [*command, "--port", str(port)],
        f"http://127.0.0.1:{port}/api/health",
        cwd=home,
        environment={**_ENVIRONMENT, "PREFECT_HOME": str(home)},
        log_path=home / "prefect.log",
        ready_seconds=300,
    ) as server:
        yield server
