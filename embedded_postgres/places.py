"""Where the embedded database keeps what, below one home directory.

Invariant: nothing outside the home is written, except a socket's directory where the home's path is too long for one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Places:
    """``directory`` holds everything; the files and directories in it appear as they are needed."""

    directory: Path

    @classmethod
    def below(cls, home: Path) -> Places:
        """Absolute and free of symbolic links: the server compares and records such paths."""
        return cls(home.resolve() / "postgres")

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def log(self) -> Path:
        return self.directory / "server.log"

    @property
    def socket(self) -> Path:
        return self.directory / "socket"

    @property
    def distant_socket(self) -> Path:
        """A file that names the socket's directory where it is not :attr:`socket`."""
        return self.directory / "socket.path"

    @property
    def order_lock(self) -> Path:
        """Held by the process that starts or stops the server."""
        return self.directory / "turn.lock"

    @property
    def users_lock(self) -> Path:
        """Shared by all who use the server."""
        return self.directory / "users.lock"

    @property
    def alive_lock(self) -> Path:
        """Held by the server's own processes."""
        return self.directory / "alive.lock"
