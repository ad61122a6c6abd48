"""The standard streams of a process: words that never raise, and bytes that do."""

from __future__ import annotations

import os
import pty
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from datasync_spider.process.standardstreams import Lossy, Patient
from tests.support.crawl import PROJECT
from tests.support.redirecting import pipe_that_no_one_reads
from tests.support.waiting import eventually

# A process that may write so many bytes into a file and no more, until it lifts that itself.
PROLOGUE = """
import resource, sys
from pathlib import Path
from datasync_spider.process.standardstreams import Lossy, guard
def limit(size): resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
"""


def run(code: str, redirections: str = "", **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["sh", "-c", f'exec "$0" -c "$1" {redirections}', sys.executable, PROLOGUE + code],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("redirections", [">/dev/full", "2>/dev/full", "<&- >&- 2>&-", ">&-", "2>&-", "<&-"])
def test_words_neither_raise_nor_change_the_exit_code(redirections: str) -> None:
    code = "guard(); guard(); print('x' * 99_999); print('y', file=sys.stderr); sys.stdin.isatty(); sys.exit(7)"
    assert run(code, redirections).returncode == 7
    # Otherwise: a traceback, or 120.
    unguarded = run(code.removeprefix("guard(); guard(); ").replace("sys.stdin.isatty(); ", ""), ">/dev/full")
    assert unguarded.returncode != 7


def test_a_closed_stream_does_not_become_another_file_of_the_process() -> None:
    code = "guard(); import os, socket; assert socket.socket().fileno() > 2; assert os.open('/dev/null', 0) > 2"
    assert run(code, "<&- >&- 2>&-").returncode == 0
    # A child gets it as it gets any other.
    code = "guard(); import subprocess; sys.exit(subprocess.run(['sh', '-c', 'echo x >&2']).returncode)"
    assert run(code, "2>&-").returncode == 0


@pytest.mark.parametrize(
    ("environment", "shown"),
    [
        ({"PYTHONIOENCODING": "ascii"}, b"\\xfc \\u2026 \\udcfc"),
        ({"PYTHONIOENCODING": "latin-1"}, b"\xfc \\u2026 \\udcfc"),
        ({"PYTHONIOENCODING": "ascii:replace"}, b"? ? ?"),
        ({"PYTHONIOENCODING": "utf-8"}, "ü … ".encode() + b"\\udcfc"),
        ({"LC_ALL": "C"}, "ü … ".encode() + b"\\udcfc"),
        ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, b"\\xfc \\u2026 \\udcfc"),
    ],
    ids=str,
)
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_what_cannot_be_shown_is_escaped(environment: dict[str, str], shown: bytes, stream: str) -> None:
    done = run(f"guard(); print('\\xfc \\u2026 \\udcfc', file=sys.{stream})", **environment)
    assert done.returncode == 0, done.stderr
    if stream == "stderr" and "replace" not in environment.get("PYTHONIOENCODING", ""):
        assert done.stderr == shown + b"\n"
    if stream == "stdout":
        assert done.stdout == shown + b"\n"


def test_bytes_that_could_not_be_written_raise_where_they_were_written() -> None:
    code = "guard()\ntry:\n  sys.stdout.buffer.write(b'x'); sys.stdout.buffer.flush()\nexcept OSError: sys.exit(9)"
    done = run(code, ">/dev/full")
    assert done.returncode == 9
    assert done.stderr == b"standard output could not be written: No space left on device\n"


def test_words_and_bytes_come_out_in_their_order() -> None:
    code = "guard(); print('a'); sys.stdout.flush(); sys.stdout.buffer.write(b'b\\n'); print('c')"
    assert run(code).stdout == b"a\nb\nc\n"


def test_a_stream_that_someone_has_put_there_stays() -> None:
    code = "import io; sys.stderr = other = io.StringIO(); guard(); sys.exit(sys.stderr is not other)"
    assert run(code).returncode == 0


def test_a_line_that_was_torn_by_a_full_disk_is_ended_before_the_next_one(tmp_path: Path) -> None:
    target = tmp_path / "log"
    code = (
        f"log = Lossy('{target}', 'ab', closefd=True); limit(12)\n"
        "for word in (b'first', b'second', b'third'): log.write(word + b'\\n')\n"
        "limit(resource.RLIM_INFINITY); log.write(b'fourth\\n'); print(log.left_out, log.failure.strerror)"
    )
    assert run(code).stdout == b"2 File too large\n"
    assert target.read_bytes() == b"first\nsecond\nfourth\n"


@pytest.fixture(params=["pipe", "socket", "terminal"])
def ends(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    """What is read from, and what is written to."""
    if request.param == "pipe":
        reading, writing = os.pipe()
    elif request.param == "terminal":
        reading, writing = pty.openpty()
    else:
        reading, writing = (side.detach() for side in socket.socketpair())
    yield reading, writing
    os.close(writing)
    os.close(reading)


def test_a_reader_that_stays_away_holds_no_one_up_and_finds_what_was_kept(ends: tuple[int, int]) -> None:
    reading, writing = ends
    stream = Patient(writing)
    line = b"." * 999 + b"\n"
    # Far more than any of them takes, and than is kept: each waiting for the reader would take a quarter of an hour.
    for _ in range(1000):
        stream.write(line)
    assert stream.left_out > 500
    got = bytearray()

    def read() -> bool:
        got.extend(os.read(reading, 65_536).replace(b"\r", b""))
        return len(got) == (1000 - stream.left_out) * len(line)

    eventually(read, what="all that was kept")
    stream.write(b"again\n")
    assert os.read(reading, 100).replace(b"\r", b"") == b"again\n"


def test_a_reader_that_reads_slowly_gets_everything() -> None:
    reading, writing = os.pipe()
    stream = Patient(writing)
    text = bytes(range(256)) * 1024
    got = bytearray()
    with open(reading, "rb", buffering=0) as pipe:  # noqa: PTH123 - a descriptor
        stream.write(text)
        while len(got) < len(text):
            got += pipe.read(1000)
    stream.drain()
    os.close(writing)
    assert bytes(got) == text
    assert stream.left_out == 0


def test_a_full_pipe_without_a_reader_in_time_ends_no_process() -> None:
    with pipe_that_no_one_reads() as pipe:
        process = subprocess.Popen(
            [sys.executable, "-c", PROLOGUE + "guard(); print('x', file=sys.stderr); sys.exit(3)"],
            cwd=PROJECT,
            stderr=pipe,
        )
        assert process.wait(60) == 3


def test_what_cannot_be_written_is_counted_once_a_write() -> None:
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
        stream = Lossy(full.fileno())
        assert stream.write(b"abc") == 3
        stream.write(b"def")
        assert stream.left_out == 2
        assert stream.failure is not None
