"""Starts ``python -m scrapy`` and ``python -m mock_api`` for the tests, hundreds of times in one run of them.

An interpreter that starts afresh spends a second and a half of a processor on imports, which is more than most crawls
of a test take. So each test process has one starter (:mod:`tests.support.starter`) that has imported them, and a fork
of it becomes the process: with arguments, environment, directory and streams of its own, to be killed, frozen and
waited for like any other.

It is no match where the start itself is what is tested: command line and environment in ``/proc`` are the starter's,
and what a library reads from the environment while it is imported has been read. Such tests start afresh, as do those
of the shell scripts and of the terminal; ``TESTS_START_AFRESH=1`` makes all of them do so.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

PROJECT = Path(__file__).resolve().parents[2]
_AFRESH = "TESTS_START_AFRESH"
_REPORT_BYTES = 4


def start(
    *command: str,
    environment: Mapping[str, str],
    stdout: int | IO[bytes] = subprocess.DEVNULL,
    stderr: int | IO[bytes] = subprocess.DEVNULL,
    afresh: bool = False,
) -> Process:
    """``python -m`` this command in the project's directory, with nothing to read on its standard input.

    ``stdout`` and ``stderr`` are what Popen takes, but for STDOUT.
    """
    if afresh or os.environ.get(_AFRESH):
        return subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            text=True,
        )
    return Forked(list(command), dict(environment), stdout, stderr)


def run(*command: str, environment: Mapping[str, str], seconds: float = 180) -> subprocess.CompletedProcess[str]:
    """The same to its end, with what it wrote. Raises TimeoutExpired, after it was killed."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = start(*command, environment=environment, stdout=out, stderr=err)
        try:
            code = process.wait(seconds)
        finally:
            process.kill()
            process.wait()
        for file in (out, err):
            file.seek(0)
        # What is no UTF-8 comes through a text unharmed in this way, such as a hostile event.
        texts = [file.read().decode(errors="surrogateescape") for file in (out, err)]
        return subprocess.CompletedProcess(command, code, *texts)


class Forked:
    """A fork of the starter, with as much of Popen as the tests use."""

    def __init__(
        self, command: list[str], environment: dict[str, str], stdout: int | IO[bytes], stderr: int | IO[bytes]
    ) -> None:
        self.args = command
        self.returncode: int | None = None
        self._reporting, reporter = os.pipe()
        given = [os.open(os.devnull, os.O_RDONLY)]
        self.stdout = _given(stdout, given)
        self.stderr = _given(stderr, given)
        order = {"command": command, "environment": environment, "directory": str(PROJECT)}
        socket.send_fds(_starter(), [json.dumps(order).encode()], [*given, reporter])
        for descriptor in (*given, reporter):
            os.close(descriptor)
        self.pid = self._reported()

    def _reported(self) -> int:
        reported = os.read(self._reporting, _REPORT_BYTES)
        assert len(reported) == _REPORT_BYTES, "the starter of processes has ended"
        return int.from_bytes(reported, "little")

    def poll(self) -> int | None:
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """The exit code; negative for a signal's. Raises TimeoutExpired."""
        if self.returncode is None:
            readable, _, _ = select.select([self._reporting], [], [], timeout)
            if not readable:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self.returncode = os.waitstatus_to_exitcode(self._reported())
            os.close(self._reporting)
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it wrote into pipes, which must not be more than these hold."""
        self.wait(timeout)
        texts: list[str] = []
        for stream in (self.stdout, self.stderr):
            assert stream is not None
            with stream:
                texts.append(stream.read())
        return texts[0], texts[1]

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


Process = subprocess.Popen[str] | Forked


def _given(stream: int | IO[bytes], given: list[int]) -> IO[str] | None:
    """Adds the descriptor for the process to ``given``. Returns our end, where there is one."""
    if stream == subprocess.PIPE:
        reading, writing = os.pipe()
        given.append(writing)
        return open(reading, encoding="utf-8")  # noqa: PTH123 - it is no path
    if stream == subprocess.DEVNULL:
        given.append(os.open(os.devnull, os.O_WRONLY))
    else:
        given.append(os.dup(stream if isinstance(stream, int) else stream.fileno()))
    return None


@functools.cache
def _starter() -> socket.socket:
    """Where this test process's starter takes orders; it ends when no one can give any more."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.starter", str(its.fileno())],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            pass_fds=[its.fileno()],
        )

    def end() -> None:
        ours.close()
        process.wait(10)

    atexit.register(end)
    return ours
