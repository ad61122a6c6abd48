"""Runs ``scrapy`` with streams that take nothing: closed ones, a full device, a pipe whose reader has gone."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Container, Iterator
from contextlib import contextmanager

from tests.support.crawl import PROJECT, clean_environment
from tests.support.starting import start


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


def filled(numbers: Container[int], *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """A process whose streams of these numbers go to a device that is full; ``stderr`` has what any other took."""
    with open("/dev/full", "wb") as full, tempfile.TemporaryFile() as rest:  # noqa: PTH123 - a device
        out, err = (full if number in numbers else rest for number in (1, 2))
        process = start("scrapy", *arguments, environment=clean_environment(**settings), stdout=out, stderr=err)
        code = process.wait(120)
        rest.seek(0)
        return subprocess.CompletedProcess(arguments, code, stderr=rest.read().decode())


@contextmanager
def pipe_without_reader() -> Iterator[int]:
    """The writing end."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


@contextmanager
def pipe_that_no_one_reads() -> Iterator[int]:
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
