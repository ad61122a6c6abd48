"""``scrapy submit`` as its user runs it: a process, an exit code, its two outputs, the memory that it took.

As a context it does not outlive the test.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

from tests.support.crawl import PROJECT, clean_environment

REPO = "https://github.com/owner/name"


class Submitting:
    """A running command; its outputs go to files below ``directory``."""

    def __init__(
        self, directory: Path, settings: dict[str, str], *arguments: str, stdin: int = subprocess.DEVNULL
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._out, self._err = directory / "stdout", directory / "stderr"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "scrapy", "submit", *arguments],
                cwd=PROJECT,
                env=clean_environment(**settings),
                stdin=stdin,
                stdout=out,
                stderr=err,
            )
        self.peak_megabytes = 0.0

    def wait(self) -> int:
        """The exit code; negative for a signal's. Then ``peak_megabytes`` is known, unless its end was seen before."""
        if self.process.returncode is not None:
            return self.process.returncode
        _, status, usage = os.wait4(self.process.pid, 0)
        self.peak_megabytes = usage.ru_maxrss / 1024
        self.process.returncode = os.waitstatus_to_exitcode(status)
        return self.process.returncode

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    @property
    def out(self) -> str:
        return self._out.read_text(encoding="utf-8")

    @property
    def err(self) -> str:
        return self._err.read_text(encoding="utf-8")
