"""localstripe: events of customers under random ids, in the order in which they came, hundreds in one second."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.support.servers.installing import pip_server
from tests.support.servers.running import RealServer, free_port

KEY = "sk_test_lab"
_AUTHORIZATION = "Basic " + base64.b64encode(f"{KEY}:".encode()).decode()
# Its own command listens on every address, and writes all that it has into a file at each change.
_START = """
from aiohttp import web
from localstripe import resources, server
resources.Store.dump_to_disk = lambda self: None
web.run_app(server.app, host="127.0.0.1", port={port}, access_log=None)
"""


def add_customers(url: str, numbers: range) -> list[str]:
    """One event each. Returns the customers' ids, which their events name in ``data.object.id``."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    try:
        return [
            _asked(connection, "POST", "/v1/customers", urlencode({"email": f"c{n}@example.com"}))["id"]
            for n in numbers
        ]
    finally:
        connection.close()


def truth(url: str) -> dict[str, Any]:
    """All events at once, by id: it puts no bound to a page."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    try:
        return {event["id"]: event for event in _asked(connection, "GET", "/v1/events?limit=1000000")["data"]}
    finally:
        connection.close()


def _asked(connection: http.client.HTTPConnection, method: str, path: str, form: str | None = None) -> Any:
    headers = {"Authorization": _AUTHORIZATION}
    if form is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    connection.request(method, path, form, headers)
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status == 200, body
    return json.loads(body)


@contextmanager
def serving(place: Path, port: int | None = None) -> Iterator[RealServer]:
    """With nothing in it: what it has is gone when it ends. ``port``: where one like it was before."""
    port = free_port() if port is None else port
    command = [str(pip_server("localstripe") / "bin" / "python"), "-c", _START.format(port=port)]
    ready = f"http://127.0.0.1:{port}/v1/events"
    with RealServer("localstripe", command, ready, cwd=place, log_path=place / "localstripe.log") as server:
        yield server
