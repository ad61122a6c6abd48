"""A server as a process beside the one that measures.

Invariant: it prints its address when it serves, and ends with :meth:`ServingProcess.close`; one that can hear that its
standard input was closed, or that its parent is gone, does not outlive whoever has started it, either.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PROJECT = Path(__file__).resolve().parents[1]


class ServingProcess:
    """``python -m`` the module; ``base_url`` is what it prints. A context manager, which ends it.

    ``entering``: what stands before its command, to start it elsewhere.
    """

    def __init__(
        self,
        module: str,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        entering: Sequence[str] = (),
    ) -> None:
        self._process = subprocess.Popen(
            [*entering, sys.executable, "-m", module, *arguments],
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.base_url = self._process.stdout.readline().strip()
        if not self.base_url.startswith("http://"):
            self.close()
            raise RuntimeError(f"{module} did not start; see above")

    def ask(self, path: str, method: str | None = None, body: Any = None) -> bytes:
        """What it answers beside its API. ``method``: POST where there is a body, else GET."""
        address = f"{self.base_url.removesuffix('/api/v1')}/{path}"
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(address, data, method=method), timeout=60) as answer:
            answered: bytes = answer.read()
        return answered

    def close(self) -> None:
        """A second call does nothing."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.terminate()
        self._process.wait(10)
        self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
