"""The bundled mock API as a process beside the crawl, for those who name no API.

Invariant: it does not outlive this process, whichever way this one ends, and it does not hear the terminal's Ctrl-C, so
that a crawl can finish its page first. Nothing is imported from the mock: it is spoken to over HTTP like any other API.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from datasync_spider.errors import ConfigurationError

__all__ = ["MockProcess", "start_mock"]

_ADDRESS_WITHIN_SECONDS = 30.0
_ENDS_WITHIN_SECONDS = 5.0
_LOG_TAIL_LINES = 8
# What a Python process needs to run, and the mock's own settings; no key of a real API is among them.
_KEPT_NAMES = frozenset({"PATH", "HOME", "TMPDIR", "TZ", "LANG", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME"})
_KEPT_PREFIXES = ("LC_", "MOCK_")


def start_mock(project_dir: Path, home: Path, environ: Mapping[str, str]) -> MockProcess:
    """A mock that serves on a free port of the loopback interface. Of ``environ`` it gets the ``MOCK_*`` settings.

    What it writes to standard error goes to ``mock.log`` in ``home``. Raises ConfigurationError where none starts.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = home / "mock.log"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "mock_api", "--host", "127.0.0.1", "--port", "0", "--exit-with-parent"],
            cwd=project_dir,
            env=_environment(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
        )
    try:
        return MockProcess(process, _read_address(process, log))
    except BaseException:
        _end(process)
        raise


class MockProcess:
    """A running mock; ``base_url`` is where its API begins."""

    def __init__(self, process: subprocess.Popen[bytes], base_url: str) -> None:
        self._process = process
        self.base_url = base_url

    @property
    def pid(self) -> int:
        return self._process.pid

    def close(self) -> None:
        """Ends it; a second call does nothing."""
        _end(self._process)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name in _KEPT_NAMES or name.startswith(_KEPT_PREFIXES)}


def _read_address(process: subprocess.Popen[bytes], log: Path) -> str:
    """The first line of standard output, waited for as long as the process lives and the time allows."""
    line = _read_line(process, time.monotonic() + _ADDRESS_WITHIN_SECONDS)
    if line.startswith("http://"):
        return line
    code = process.poll()
    became = "does not answer" if code is None else f"ended with exit code {code}"
    tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_TAIL_LINES:])
    raise ConfigurationError(
        f"the bundled mock API {became}: see {log}, check the MOCK_* settings, or set API_BASE_URL\n{tail}".rstrip()
    )


def _read_line(process: subprocess.Popen[bytes], deadline: float) -> str:
    assert process.stdout is not None
    read = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while b"\n" not in read and selector.select(max(0.0, deadline - time.monotonic())):
            chunk = os.read(process.stdout.fileno(), 4096)
            if not chunk:
                # Standard output closes when the process ends; its exit code comes a moment later.
                process.wait(_ENDS_WITHIN_SECONDS)
                break
            read += chunk
    return read.decode("utf-8", "replace").partition("\n")[0].strip()


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_ENDS_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout is not None:
        process.stdout.close()
