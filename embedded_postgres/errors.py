"""What keeps the server from working."""

from __future__ import annotations


class ServerFailed(Exception):
    """``sqlstate``: PostgreSQL's five-character code where there is one. The message ends with what to do."""

    def __init__(self, message: str, sqlstate: str | None = None) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


class ServerUnavailable(ServerFailed):
    """It may work a little later."""


class ServerRefused(ServerFailed):
    """No repetition changes it."""
