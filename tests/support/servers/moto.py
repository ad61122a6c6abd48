"""moto's CloudWatch Logs: events of one stream or of two, without an id, behind tokens that never end."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.servers.installing import pip_server
from tests.support.servers.running import RealServer, free_port

AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=AKIATEST/20240101/us-east-1/logs/aws4_request, "
    "SignedHeaders=host;x-amz-date, Signature=0"
)
"""A signature that this server does not look at."""

GROUP = "lab"
_MOST_AT_ONCE = 5_000
_DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(url: str, operation: str, **body: Any) -> Any:
    headers = {
        "X-Amz-Target": f"Logs_20140328.{operation}",
        "Content-Type": "application/x-amz-json-1.1",
        "Authorization": AUTHORIZATION,
    }
    request = urllib.request.Request(f"{url}/", json.dumps(body).encode(), headers)
    with _DIRECTLY.open(request, timeout=60) as answer:
        content = answer.read()
    return json.loads(content) if content else {}


def create_group(url: str) -> None:
    ask(url, "CreateLogGroup", logGroupName=GROUP)


def create_stream(url: str, stream: str) -> None:
    ask(url, "CreateLogStream", logGroupName=GROUP, logStreamName=stream)


def add(url: str, stream: str, earliest_ms: int, numbers: range) -> None:
    """Event ``number`` is ``number`` milliseconds after the earliest, and says so."""
    for start in range(numbers.start, numbers.stop, _MOST_AT_ONCE):
        events = [
            {"timestamp": earliest_ms + n, "message": f"{stream} event {n}"}
            for n in range(start, min(start + _MOST_AT_ONCE, numbers.stop))
        ]
        ask(url, "PutLogEvents", logGroupName=GROUP, logStreamName=stream, logEvents=events)


@contextmanager
def serving(place: Path, port: int | None = None) -> Iterator[RealServer]:
    """With nothing in it: what it has is gone when it ends. ``port``: where one like it was before."""
    port = free_port() if port is None else port
    command = [str(pip_server("moto") / "bin" / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    ready = f"http://127.0.0.1:{port}/moto-api/"
    with RealServer("moto", command, ready, cwd=place, log_path=place / "moto.log") as server:
        yield server
