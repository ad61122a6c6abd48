"""Runs ``scrapy`` with streams that take nothing: closed ones, a full device, a pipe whose reader has gone."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.crawl import PROJECT, clean_environment


def redirected(redirections: str, *arguments: str, **settings: str) -> subprocess.CompletedProcess[bytes]:
    """A process started afresh, with the shell's own redirections; what they leave open is captured."""
    command = shlex.join([sys.executable, "-m", "scrapy", *arguments])
    return subprocess.run(
        ["sh", "-c", f"exec {command} {redirections}"],
        cwd=PROJECT,
        env=clean_environment(**settings),
        capture_output=True,
        timeout=120,
        check=False,
    )


@contextmanager
def pipe_without_reader() -> Iterator[int]:
    """The writing end."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


@contextmanager
def pipe_that_nobody_reads() -> Iterator[int]:
    """The writing end of a pipe that is full already, and stays so."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, b"." * 65_536)
    except BlockingIOError:
        os.set_blocking(writing, True)
    yield writing
    os.close(writing)
    os.close(reading)
