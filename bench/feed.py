"""The mock API as a process of its own, all events made before the first request.

Invariant: what the mock says of its requests is of one subject alone: its statistics are cleared before each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PROJECT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a subject asked of the API. Times are seconds of the monotonic clock."""

    first_request: float
    last_request: float
    last_answer: float
    requests: int
    pages: int
    refused: int


class Feed:
    """A mock on a free port of the loopback interface; further arguments as of ``python -m mock_api``."""

    def __init__(self, total: int, *arguments: str) -> None:
        command = [sys.executable, "-m", "mock_api", "--host", "127.0.0.1", "--port", "0", "--exit-with-parent"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MOCK_")}
        self.total = total
        self._process = subprocess.Popen(
            [*command, "--total", str(total), *arguments],
            cwd=PROJECT,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.base_url = self._process.stdout.readline().strip()
        if not self.base_url.startswith("http://"):
            self.close()
            raise RuntimeError("the mock API did not start; see above")

    def forget(self) -> None:
        """Clears the statistics."""
        self._control("DELETE", "stats")

    def asked(self) -> Asked:
        """Since the last :meth:`forget`."""
        stats = self._control("GET", "stats")
        requests = stats["requests"]
        counts = list(stats["by_endpoint"].values())
        return Asked(
            first_request=requests[0]["monotonic_ms"] / 1000,
            last_request=requests[-1]["monotonic_ms"] / 1000,
            last_answer=max(entry["finished_monotonic_ms"] or 0.0 for entry in requests) / 1000,
            requests=sum(sum(each.values()) for each in counts),
            pages=sum(entry["status"] == 200 and entry["events"] > 0 for entry in requests),
            refused=sum(each.get("429", 0) for each in counts),
        )

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _control(self, method: str, path: str) -> Any:
        address = f"{self.base_url.removesuffix('/api/v1')}/__control/{path}"
        with urllib.request.urlopen(urllib.request.Request(address, method=method), timeout=60) as answer:
            return json.load(answer)
