"""Files of the catalog, pointed at the mock's imitations of their APIs, and what a database must hold of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any

from datasync_spider.sources.paths import parse_path
from tests.support.crawl import Crawl
from tests.support.database import rows
from tests.support.mock import MockApi

StartCrawl = Callable[..., Crawl]


class CatalogApi:
    """One file of the catalog in a directory of its own, and the imitation that it asks."""

    def __init__(self, name: str, mock: MockApi, directory: Path, **secrets: str) -> None:
        self.name = name
        self._mock = mock
        self.root = mock.base_url.removesuffix("/api/v1")
        text = files("datasync_spider.sources").joinpath("catalog", f"{name}.toml").read_text(encoding="utf-8")
        self.text, found = re.subn(r'(?m)^base_url = "[^"]*"', f'base_url = "{self.root}/apis/{name}"', text, count=1)
        assert found == 1
        directory.mkdir(exist_ok=True)
        self.file = directory / f"{name}.toml"
        self.file.write_text(self.text, encoding="utf-8")
        self.settings = {"SOURCES_DIR": str(directory), **secrets}

    def rewrite(self, old: str, new: str) -> None:
        """As a user does who makes the file their own."""
        assert old in self.text, f"{self.file} has no {old!r}"
        self.text = self.text.replace(old, new)
        self.file.write_text(self.text, encoding="utf-8")

    def control(self, action: str, **given: Any) -> Any:
        return self._mock.control(f"apis/{self.name}/{action}", "POST", given)

    def truth(self, stream: str) -> list[dict[str, Any]]:
        """All records that there are now, the oldest first."""
        found: list[dict[str, Any]] = self.control("truth")[stream]
        return found

    def asked(self) -> list[dict[str, Any]]:
        """All requests that have come, as method, target and body."""
        found: list[dict[str, Any]] = self.control("asked")
        return found

    def crawl(self, start_crawl: StartCrawl, stream: str, **settings: str) -> Crawl:
        """Waits until it has ended."""
        crawl = start_crawl(self._mock.base_url, spider=f"{self.name}.{stream}", **self.settings, **settings)
        crawl.wait()
        return crawl


def assert_table(url: str, table: str, records: Iterable[dict[str, Any]], id_path: str) -> None:
    """Each record once, as it is, and nothing else."""
    path = parse_path(id_path)
    stored = rows(url, f"SELECT event_id, payload::text FROM {table}")
    found = {event_id: json.loads(payload) for event_id, payload in stored}
    assert len(found) == len(stored)
    assert found == {str(path.read(record)): record for record in records}
