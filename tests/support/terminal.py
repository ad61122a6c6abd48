"""Runs a command on a real pseudo-terminal and keeps what it writes there."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading

from tests.support.crawl import PROJECT, clean_environment

_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")


class OnTerminal:
    """``scrapy`` with these arguments, its three streams on a terminal of this size."""

    def __init__(self, *arguments: str, columns: int = 100, lines: int = 30, **settings: str) -> None:
        self._main, side = pty.openpty()
        fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "scrapy", *arguments],
            cwd=PROJECT,
            env=clean_environment(**{"TERM": "xterm-256color", **settings}),
            stdin=side,
            stdout=side,
            stderr=side,
            start_new_session=True,
        )
        os.close(side)
        self._hung_up = False
        self._hang_up_reading, self._hang_up_writing = os.pipe()
        self._written = bytearray()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            readable, _, _ = select.select([self._main, self._hang_up_reading], [], [])
            if self._hang_up_reading in readable:
                return
            try:
                some = os.read(self._main, 65_536)
            except OSError:
                # The other side has been closed by its last owner.
                return
            if not some:
                return
            self._written += some

    @property
    def raw(self) -> str:
        """Everything that was written, control sequences included."""
        return bytes(self._written).decode("utf-8", errors="replace")

    @property
    def text(self) -> str:
        """The same without control sequences: each redrawing follows the one before."""
        return _ESCAPE.sub("", self.raw)

    def type(self, line: str) -> None:
        os.write(self._main, f"{line}\n".encode())

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self, seconds: float = 60) -> int:
        code = self.process.wait(seconds)
        self._reader.join(10)
        return code

    def hang_up(self) -> None:
        """The terminal goes away; who writes to it from now on gets an error."""
        self._hung_up = True
        # A descriptor that someone reads from is not closed until that ends.
        os.write(self._hang_up_writing, b"!")
        self._reader.join(10)
        os.close(self._main)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(60)
        self._reader.join(10)
        if not self._hung_up:
            os.close(self._main)
        os.close(self._hang_up_reading)
        os.close(self._hang_up_writing)
