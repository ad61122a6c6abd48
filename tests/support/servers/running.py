"""A real server as a process of its own on loopback: waited for until it answers, and ended with all its children.

What is served, and how it is filled, must not be here.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tests.support.servers.installing import outer_environment
from tests.support.waiting import eventually

_TAIL = 4_000
_DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def free_port() -> int:
    """A port of loopback that no one listens on at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class RealServer:
    """Runs ``command`` until it is stopped, in this process's environment with ``environment`` added.

    It is ready when ``ready_url`` is answered with 2xx or 401; one that ends before fails the test with what its log
    says last. A context manager, which stops it.
    """

    def __init__(
        self,
        name: str,
        command: list[str],
        ready_url: str,
        *,
        cwd: Path,
        environment: Mapping[str, str] | None = None,
        log_path: Path,
        ready_seconds: float = 120,
    ) -> None:
        self.name = name
        self.log_path = log_path
        parts = urlsplit(ready_url)
        self.url = f"{parts.scheme}://{parts.netloc}"
        with log_path.open("ab") as log:
            # A session of its own, so that its children can be ended with it.
            self.process = subprocess.Popen(
                command,
                cwd=cwd,
                env={**outer_environment(), **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            eventually(lambda: self._is_ready(ready_url), seconds=ready_seconds, what=f"that {name} answers")
        except BaseException:
            self.kill()
            raise

    @property
    def log(self) -> str:
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def stop(self, seconds: float = 20) -> None:
        """As an operator would; what does not end is killed."""
        self._signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        self.kill()

    def kill(self) -> None:
        """At once, children included."""
        self._signal(signal.SIGKILL)
        self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def _is_ready(self, url: str) -> bool:
        code = self.process.poll()
        assert code is None, f"{self.name} ended with {code} before it was ready:\n{self.log[-_TAIL:]}"
        try:
            with _DIRECTLY.open(url, timeout=10):
                return True
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code == 401
        except OSError:
            return False
