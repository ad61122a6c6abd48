"""Runs ``scrapy crawl`` as a user would: a process, an environment, an exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
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
)


def clean_environment(**settings: str) -> dict[str, str]:
    """The environment of this process without what configures a crawl, and with these settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return {**kept, **settings}


class Crawl:
    """A running crawl. Its log goes to ``log_path``."""

    def __init__(self, log_path: Path, *arguments: str, **settings: str) -> None:
        self.log_path = log_path
        self._log = log_path.open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "scrapy", "crawl", "events", *arguments],
            cwd=PROJECT,
            env=clean_environment(**settings),
            stdout=self._log,
            stderr=self._log,
            stdin=subprocess.DEVNULL,
        )

    def wait(self, seconds: float = 60) -> int:
        """The exit code; negative for a signal's."""
        try:
            return self.process.wait(seconds)
        finally:
            self._log.close()

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        self.process.send_signal(number)

    @property
    def log(self) -> str:
        return self.log_path.read_text(encoding="utf-8", errors="replace")


def scrapy(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Another command of the tool, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "scrapy", *arguments],
        cwd=PROJECT,
        env=clean_environment(**settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )
