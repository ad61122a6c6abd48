"""What is answered to which HTTP request: ``/metrics``, ``/healthz`` or ``/livez``, and ``/readyz``; read only. Pure.

Invariant: on a loopback address only requests that name a loopback host are answered, so that a web page of someone
else cannot read them through the browser of whoever runs the crawl, by a name that it makes point here.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable
from typing import Any

from msgspec import Struct

_TEXT = "text/plain; charset=utf-8"
_JSON = "application/json"
_METHODS = ("GET", "HEAD")
# Of a crawl, and of a process that syncs many slices.
_READY = frozenset({"progressing", "waiting", "ready"})


class Answer(Struct, frozen=True):
    """``allow``: the methods that a refused one should have been."""

    status: int
    content_type: str
    body: bytes
    allow: str | None = None


class Pages(Struct, frozen=True):
    """``metrics`` takes an Accept header and gives a content type and a body; ``health`` is the health report."""

    metrics: Callable[[str], tuple[str, bytes]]
    health: Callable[[], dict[str, Any]]
    any_host: bool

    def answer(self, method: str, host: str, path: str, accept: str) -> Answer:
        if method not in _METHODS:
            return _refusal(405, f"only {' and '.join(_METHODS)}", allow=", ".join(_METHODS))
        if not self.any_host and not names_loopback(host):
            return _refusal(421, "this host name is not served here")
        match path:
            case "/metrics":
                content_type, body = self.metrics(accept)
                return Answer(200, content_type, body)
            case "/healthz" | "/livez":
                return _json(200, {"status": "alive"})
            case "/readyz":
                report = self.health()
                return _json(200 if report["status"] in _READY else 503, report)
            case _:
                return _refusal(404, "here are /metrics, /livez (or /healthz) and /readyz")


def names_loopback(host: str) -> bool:
    """Whether a Host header, its port aside, names this machine by a loopback name. An empty one is not foreign."""
    name = host.strip().lower()
    name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
    if name in {"", "localhost"}:
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _json(status: int, report: dict[str, Any]) -> Answer:
    return Answer(status, _JSON, json.dumps(report).encode() + b"\n")


def _refusal(status: int, text: str, allow: str | None = None) -> Answer:
    return Answer(status, _TEXT, f"{text}\n".encode(), allow)
