"""The mock API as a process of its own, all events made before the first request.

Invariant: what the mock says of its requests is of one subject alone: its statistics are cleared before each.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

from bench.served import ServingProcess


@dataclass(frozen=True, slots=True)
class Asked:
    """What a subject asked of the API. Times are seconds of the monotonic clock."""

    first_request: float
    last_request: float
    last_answer: float
    requests: int
    pages: int
    refused: int


class Feed(ServingProcess):
    """A mock on a free port of the loopback interface; further arguments as of ``python -m mock_api``."""

    def __init__(self, total: int, *arguments: str) -> None:
        self.total = total
        super().__init__(
            "mock_api",
            *("--host", "127.0.0.1", "--port", "0", "--exit-with-parent", "--total", str(total), *arguments),
            environment={name: value for name, value in os.environ.items() if not name.startswith("MOCK_")},
        )

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

    def _control(self, method: str, path: str) -> Any:
        return json.loads(self.ask(f"__control/{path}", method))
