"""Asks the metrics endpoint of a running crawl, or of a process of many."""

from __future__ import annotations

import http.client
import json
import re
import urllib.parse
from typing import Any, Protocol

from prometheus_client.parser import text_string_to_metric_families

from tests.support.waiting import eventually

_ADDRESS = re.compile(r"metrics are at (http://\S+)/metrics")


class Logging(Protocol):
    """What runs, and logs."""

    @property
    def log(self) -> str: ...


class Endpoint:
    """Where this one, started with ``METRICS_PORT=0``, says that it serves."""

    def __init__(self, crawl: Logging) -> None:
        found = eventually(lambda: _ADDRESS.search(crawl.log), what="the address of the metrics")
        assert found is not None
        self.address = urllib.parse.urlsplit(found[1])

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes]:
        assert self.address.hostname is not None
        connection = http.client.HTTPConnection(self.address.hostname, self.address.port, timeout=60)
        try:
            connection.request(method, path, headers=headers)
            with connection.getresponse() as response:
                return response.status, response.read()
        finally:
            connection.close()

    def readiness(self) -> tuple[int, dict[str, Any]]:
        status, body = self.ask("/readyz")
        report: dict[str, Any] = json.loads(body)
        return status, report

    def metrics(self) -> dict[tuple[str, ...], float]:
        """Value by name and the values of its labels, those in the order of their names."""
        _, body = self.ask("/metrics")
        return {
            (sample.name, *(sample.labels[label] for label in sorted(sample.labels))): sample.value
            for family in text_string_to_metric_families(body.decode())
            for sample in family.samples
        }
