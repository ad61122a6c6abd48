"""The mock API as a process of its own, with its control endpoint."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import urllib.request
from typing import Any

from tests.support.starting import run, start


class MockApi:
    """Started by the constructor; its address is ``base_url``."""

    def __init__(self, *arguments: str) -> None:
        self._process = start(
            *("mock_api", "--port", "0", "--exit-with-parent"),
            *arguments,
            environment=os.environ,
            stdout=subprocess.PIPE,
            stderr=sys.__stderr__.fileno() if sys.__stderr__ else subprocess.DEVNULL,
        )
        assert self._process.stdout is not None
        self.base_url = self._process.stdout.readline().strip()
        assert self.base_url.startswith("http://"), f"the mock did not start: {self.base_url!r}"

    def control(self, path: str, method: str = "GET", body: Any = None) -> Any:
        root = self.base_url.removesuffix("/api/v1")
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{root}/__control/{path}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def requests(self) -> int:
        """How many requests for pages have come."""
        return len(self.control("stats")["requests"])

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()


@functools.cache
def ground_truth(*arguments: str) -> list[dict[str, Any]]:
    """The events that the mock serves for these arguments, newest first, from a process of its own.

    They are kept for the next that asks, and not to be changed.
    """
    done = run("mock_api", "events", *arguments, environment=os.environ)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
