"""Sources of many slices, and the API that serves them as a process of its own.

Invariant: what is said to have been asked is of one subject alone: it is forgotten before each.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.served import ServingProcess

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


class Tenants(ServingProcess):
    """Serves the feeds until it is left."""

    def __init__(self, *feeds: Served) -> None:
        super().__init__("bench.tenantserver", *(f"{feed.name}={feed.records}/{feed.page}" for feed in feeds))

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

    def _control(self, what: str) -> Any:
        return json.loads(self.ask(f"__{what}"))
