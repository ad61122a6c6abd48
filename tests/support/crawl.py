"""Runs ``scrapy crawl`` as a user would: a process, an environment, an exit code."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import psutil

from tests.support.starting import PROJECT, run, start

__all__ = ["PROJECT", "Crawl", "clean_environment", "scrapy"]

_OURS = (
    "API_",
    "DATASYNC_",
    "DATABASE_",
    "WRITE_",
    "MOCK_",
    "LEASE_",
    "LOG_",
    "PROGRESS_",
    "STREAM",
    "REJECTED_",
    "METRICS_",
    "STALL_",
    "SOURCES_",
    "SLICE",
)


def clean_environment(**settings: str) -> dict[str, str]:
    """The environment of this process without what configures a crawl, and with these settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return {**kept, **settings}


class Crawl:
    """A running crawl. Its log goes to ``log_path``. ``afresh``: see :mod:`tests.support.starting`."""

    def __init__(
        self, log_path: Path, *arguments: str, spider: str = "events", afresh: bool = False, **settings: str
    ) -> None:
        self.log_path = log_path
        self._log = log_path.open("ab")
        self.process = start(
            *("scrapy", "crawl", spider),
            *arguments,
            environment=clean_environment(**settings),
            stdout=self._log,
            stderr=self._log,
            afresh=afresh,
        )

    def wait(self, seconds: float = 180) -> int:
        """The exit code; negative for a signal's."""
        try:
            return self.process.wait(seconds)
        finally:
            self._log.close()

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        self.process.send_signal(number)

    @property
    def is_frozen(self) -> bool:
        """Stopped by SIGSTOP, as a failpoint does it."""
        return psutil.Process(self.process.pid).status() == psutil.STATUS_STOPPED

    @property
    def log(self) -> str:
        return self.log_path.read_text(encoding="utf-8", errors="replace")


def scrapy(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Another command of the tool, to its end."""
    return run("scrapy", *arguments, environment=clean_environment(**settings))
