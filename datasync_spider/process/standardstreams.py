"""The three standard streams of a process of ours, made once, before anything is said.

Invariant: what lies between us and the reader of our output, be it closed, full, gone, deaf or of few characters, never
changes what a command does, nor its exit code. So words never raise: what cannot be shown is escaped, and what cannot
be written is left out. Data is no words: who writes bytes to ``sys.stdout.buffer`` gets the error, since half of them
is not what was asked for.

Standard error is also what a crawl's event loop writes its log to, so a reader who does not read must not hold it up:
it waits for such a reader once, for a second. Standard output is waited for, as a pipe's reader wants it.
"""

from __future__ import annotations

import atexit
import errno
import io
import os
import select
import stat
import sys
import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import ReadableBuffer

_PATIENCE_SECONDS = 1.0
# What is kept for a reader who may come back; the kernel keeps as much in a pipe.
_KEPT_BYTES = 65_536
# No one comes back to these.
_GONE = frozenset({errno.EPIPE, errno.EIO, errno.EBADF})
# Of a user who has chosen what becomes of such characters.
_ERROR_HANDLERS_THAT_RAISE = frozenset({"strict", "surrogateescape", "surrogatepass"})


class Exact(io.FileIO):
    """A descriptor's bytes, also where another process has made the descriptor non-blocking.

    ``failure``: why it could not be written, the last time that it was so.
    """

    failure: OSError | None = None

    def __init__(self, file: int | str, mode: str = "wb", *, closefd: bool = False) -> None:
        super().__init__(file, mode, closefd=closefd)

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            while (written := self._written(data)) is None:
                wait = select.poll()
                wait.register(self.fileno(), select.POLLOUT)
                wait.poll()
        except OSError as error:
            self.failure = error
            raise
        return written

    def _written(self, data: ReadableBuffer) -> int | None:
        return super().write(data)


class Lossy(Exact):
    """Never raises: ``left_out`` counts the writes that were lost, at least in part.

    A line that was torn is ended before the next one.
    """

    left_out = 0
    _is_torn = False

    def write(self, data: ReadableBuffer, /) -> int:
        whole = bytes(data)
        self._write_whole(whole)
        return len(whole)

    def _write_whole(self, data: bytes) -> None:
        rest = b"\n" + data if self._is_torn else data
        length = len(rest)
        try:
            while rest:
                rest = rest[super().write(rest) :]
            self._is_torn = False
        except OSError:
            self._is_torn = self._is_torn or len(rest) < length
            self.left_out += 1


class Patient(Lossy):
    """The same, which waits a second at most for a reader that does not read.

    What may block is written by a thread; while it is stuck, what does not fit into the bytes kept is left out.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor)
        mode = os.fstat(descriptor).st_mode
        self._is_pipe = stat.S_ISFIFO(mode)
        self._never_blocks = stat.S_ISREG(mode) or (stat.S_ISCHR(mode) and not os.isatty(descriptor))
        self._changed = threading.Condition()
        self._kept: deque[bytes] = deque()
        self._kept_bytes = 0
        self._is_stuck = False
        self._writer: threading.Thread | None = None

    def write(self, data: ReadableBuffer, /) -> int:
        whole = bytes(data)
        with self._changed:
            if not self._kept and self._is_taken_at_once(len(whole)):
                self._write_whole(whole)
            elif self._kept and self._kept_bytes + len(whole) > _KEPT_BYTES:
                self.left_out += 1
            else:
                self._pass_on(whole)
        return len(whole)

    def drain(self) -> None:
        """Before the process ends: a last second for what is kept."""
        with self._changed:
            self._changed.wait_for(lambda: not self._kept, _PATIENCE_SECONDS)

    def _is_taken_at_once(self, length: int) -> bool:
        if self._never_blocks:
            return True
        if not self._is_pipe or length > select.PIPE_BUF:
            return False
        look = select.poll()
        look.register(self.fileno(), select.POLLOUT)
        return bool(look.poll(0))

    def _pass_on(self, data: bytes) -> None:
        if self._writer is None:
            self._writer = threading.Thread(target=self._write_kept, name="datasync-stderr", daemon=True)
            try:
                self._writer.start()
            except RuntimeError:
                # The interpreter ends, and starts no thread any more.
                self._writer = None
                self._write_whole(data)
                return
        self._kept.append(data)
        self._kept_bytes += len(data)
        self._changed.notify_all()
        if not self._is_stuck:
            self._is_stuck = not self._changed.wait_for(lambda: not self._kept, _PATIENCE_SECONDS)

    def _write_kept(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._kept))
                data = self._kept[0]
            self._write_whole(data)
            with self._changed:
                self._kept.popleft()
                self._kept_bytes -= len(data)
                self._is_stuck = self._is_stuck and bool(self._kept)
                self._changed.notify_all()


class Words(io.TextIOWrapper):
    """Standard output as text: words do not raise, also where the bytes below them do."""

    def write(self, text: str, /) -> int:
        with suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            super().flush()


def guard() -> None:
    """Takes the streams of this process in hand. A stream that other code has put there is left alone."""
    # In this order: a closed descriptor is the lowest that is free, and must not become that of a socket or a table.
    _guard("stdin", _as_input)
    _guard("stdout", _as_output)
    _guard("stderr", _as_error)


def reader_is_gone() -> bool:
    """Whether no one will ever read what is written to standard output from now on."""
    output = descriptor_of(sys.stdout)
    return output is not None and output.failure is not None and output.failure.errno in _GONE


def descriptor_of(stream: object) -> Exact | None:
    """What lies below a text stream that was made here."""
    buffer = getattr(stream, "buffer", None)
    raw = getattr(buffer, "raw", buffer)
    return raw if isinstance(raw, Exact) else None


def _guard(name: str, make: Callable[[int, TextIO | None], TextIO | None]) -> None:
    stream: TextIO | None = getattr(sys, name)
    if stream is not getattr(sys, f"__{name}__") or descriptor_of(stream) is not None:
        return
    if stream is None:
        descriptor = os.open(os.devnull, os.O_RDWR)
        os.set_inheritable(descriptor, True)
    else:
        descriptor = stream.fileno()
    made = make(descriptor, stream)
    if made is not None:
        # The second is what the interpreter flushes at its very end.
        setattr(sys, name, made)
        setattr(sys, f"__{name}__", made)


def _as_input(descriptor: int, former: TextIO | None) -> TextIO | None:
    return None if former is not None else open(descriptor, encoding="utf-8", closefd=False)


def _as_output(descriptor: int, former: TextIO | None) -> TextIO:
    _flush(former)
    encoding, errors = _encoding(former)
    line_buffering = getattr(former, "line_buffering", False)
    write_through = getattr(former, "write_through", False)
    raw = Exact(descriptor)
    made = Words(io.BufferedWriter(raw), encoding, errors, line_buffering=line_buffering, write_through=write_through)
    atexit.register(_end, made, raw)
    return made


def _as_error(descriptor: int, former: TextIO | None) -> TextIO:
    _flush(former)
    encoding, errors = _encoding(former)
    raw = Patient(descriptor)
    atexit.register(raw.drain)
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, errors, line_buffering=True)


def _flush(former: TextIO | None) -> None:
    if former is not None:
        with suppress(OSError):
            former.flush()


def _encoding(former: TextIO | None) -> tuple[str, str]:
    if former is None:
        return "utf-8", "backslashreplace"
    errors = former.errors or "strict"
    return former.encoding, "backslashreplace" if errors in _ERROR_HANDLERS_THAT_RAISE else errors


def _end(output: Words, raw: Exact) -> None:
    """A reader that has seen enough is no news; a full disk is."""
    output.flush()
    if raw.failure is not None and raw.failure.errno not in _GONE:
        sys.stderr.write(f"standard output could not be written: {raw.failure.strerror}\n")
