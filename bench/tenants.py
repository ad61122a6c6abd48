"""Sources of many slices, and the API that serves them as a process of its own.

Invariant: what is said to have been asked is of one subject alone: it is forgotten before each.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench.feed import PROJECT

_SOURCE = """
[source]
name = "{name}"
base_url = "{base_url}"
every = "1h"
"""
_STREAM = """
[streams.{stream}]
url = "/{feed}/{name}.{stream}{tenant}"
query = {{ limit = "{{page_size}}" }}
page_size = {{ default = {page}, max = {page} }}
records = "data"
id = "id"
time = ["timestamp", "occurredAt", "occurred_at"]
order = "newest-first"
next = {{ from = "body:next", to = "query:cursor" }}
end = ["no-next"]
incremental = {{ type = "known" }}
"""


@dataclass(frozen=True, slots=True)
class Served:
    """A feed: so many records, so many a page."""

    name: str
    records: int
    page: int


@dataclass(frozen=True, slots=True)
class AskedOf:
    """What a subject asked of the API. ``most``: of one tenant. Times are seconds of the monotonic clock."""

    first: float
    last: float
    requests: int
    tenants: int
    most: int


class Tenants:
    """Serves the feeds until it is left."""

    def __init__(self, *feeds: Served) -> None:
        command = [sys.executable, "-m", "bench.tenantserver", *(f"{f.name}={f.records}/{f.page}" for f in feeds)]
        self._process = subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.base_url = self._process.stdout.readline().strip()
        if not self.base_url:
            self.close()
            raise RuntimeError("the API of many tenants did not start; see above")

    def wait(self, milliseconds: int) -> None:
        """From now on each answer comes so much later."""
        self._control(f"wait?ms={milliseconds}")

    def forget(self) -> None:
        self._control("forget")

    def asked(self) -> AskedOf:
        """Since the last :meth:`forget`."""
        return AskedOf(**self._control("asked"))

    def write_source(
        self, directory: Path, name: str, streams: Sequence[str], feed: Served, slices: int | None
    ) -> None:
        """A file for a source whose streams have so many slices each; None: they have none."""
        text = _SOURCE.format(name=name, base_url=self.base_url)
        tenant = "" if slices is None else "/{slice.n}"
        for stream in streams:
            text += _STREAM.format(stream=stream, feed=feed.name, name=name, tenant=tenant, page=feed.page)
            if slices is not None:
                listed = ", ".join(f'{{ n = "{number}" }}' for number in range(slices))
                text += f"slices = [{listed}]\n"
        directory.mkdir(exist_ok=True)
        (directory / f"{name}.toml").write_text(text, encoding="utf-8")

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _control(self, what: str) -> Any:
        with urllib.request.urlopen(f"{self.base_url}/__{what}", timeout=60) as answer:
            return json.load(answer)
