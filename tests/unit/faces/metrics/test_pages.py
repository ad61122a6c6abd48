"""Which HTTP request is answered how."""

from __future__ import annotations

import json
from typing import Any

import pytest

from datasync_spider.faces.metrics.pages import Pages, names_loopback


def pages(status: str = "progressing", *, any_host: bool = False) -> Pages:
    report: dict[str, Any] = {"status": status, "state": "fetching page 1"}
    return Pages(metrics=lambda accept: (f"for {accept}", b"some 1\n"), health=lambda: report, any_host=any_host)


def test_metrics_are_served_in_the_format_that_is_asked_for() -> None:
    answer = pages().answer("GET", "localhost", "/metrics", "application/openmetrics-text")
    assert (answer.status, answer.content_type, answer.body) == (200, "for application/openmetrics-text", b"some 1\n")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        *(("progressing", 200), ("waiting", 200), ("ready", 200)),
        *(("stalled", 503), ("late", 503), ("database_away", 503), ("starting", 503), ("busy", 503)),
    ],
)
def test_what_is_stalled_late_or_without_its_database_is_not_ready(status: str, code: int) -> None:
    answer = pages(status).answer("GET", "localhost", "/readyz", "")
    assert answer.status == code
    assert json.loads(answer.body) == {"status": status, "state": "fetching page 1"}


def test_a_stalled_crawl_is_still_alive() -> None:
    for path in ("/livez", "/healthz"):
        answer = pages("stalled").answer("HEAD", "localhost", path, "")
        assert (answer.status, json.loads(answer.body)) == (200, {"status": "alive"})


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get"])
def test_nothing_but_reading_is_allowed(method: str) -> None:
    answer = pages().answer(method, "localhost", "/metrics", "")
    assert (answer.status, answer.allow) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/", "/metrics/", "/../metrics", "/favicon.ico"])
def test_there_is_nothing_else(path: str) -> None:
    assert pages().answer("GET", "localhost", path, "").status == 404


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:9464", "127.0.0.1", "127.0.0.1:9464", "127.8.9.1", "[::1]", "[::1]:9464", ""]
)
def test_loopback_names_are_answered(host: str) -> None:
    assert names_loopback(host)
    assert pages().answer("GET", host, "/healthz", "").status == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:9464", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "[fe80::1]"],
)
def test_other_names_are_refused_on_loopback_and_answered_elsewhere(host: str) -> None:
    assert pages().answer("GET", host, "/metrics", "").status == 421
    assert pages(any_host=True).answer("GET", host, "/metrics", "").status == 200
