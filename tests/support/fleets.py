"""A running ``scrapy fleet``, and the processes that it has started."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from tests.support.crawl import clean_environment
from tests.support.starting import Process, start


class Fleet:
    """``scrapy fleet`` with these arguments; its log and its output are files in ``directory``."""

    def __init__(self, directory: Path, *arguments: str, **settings: str) -> None:
        number = len(list(directory.glob("fleet-*.log"))) + 1
        self._log, self._out = directory / f"fleet-{number}.log", directory / f"fleet-{number}.out"
        with self._log.open("wb") as log, self._out.open("wb") as out:
            self.process: Process = start(
                "scrapy", "fleet", *arguments, environment=clean_environment(**settings), stdout=out, stderr=log
            )

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    @property
    def out(self) -> str:
        return self._out.read_text(encoding="utf-8")

    def wait(self, seconds: float = 180) -> int:
        """The exit code. What does not end by itself is killed."""
        try:
            return self.process.wait(seconds)
        finally:
            self.end()

    def end(self) -> None:
        """Kills it, where it has not ended; its workers end with it."""
        self.process.kill()
        self.process.wait()


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def bundles_of(pid: int) -> Sequence[tuple[psutil.Process, psutil.Process]]:
    """The bundles' processes that run below this one, each behind its worker."""
    below = psutil.Process(pid).children(recursive=True)
    starters = [one for one in below if "datasync_spider.fleet.bundlestarter" in one.cmdline()]
    found = []
    for starter in starters:
        worker = starter.parent()
        if worker is not None and worker not in starters:
            found += [(worker, bundle) for bundle in starter.children()]
    return found
