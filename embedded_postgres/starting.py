"""An embedded PostgreSQL for those who have no other: started by its first user, stopped by its last.

Invariant: the users are counted by kernel locks. A process that dies without a word is no user any more, and the
server it leaves running is stopped by the next one to leave. Nothing here speaks SQL or libpq; tables are storage's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from embedded_postgres.account import Account, account_for, make_readable, open_the_way
from embedded_postgres.binaries import installation, program
from embedded_postgres.cluster import DATABASE, SUPERUSER, ensure_cluster
from embedded_postgres.errors import ServerUnavailable
from embedded_postgres.failures import system_failed
from embedded_postgres.locks import Membership, locked
from embedded_postgres.places import Places
from embedded_postgres.server import Server
from embedded_postgres.sockets import PORT

__all__ = ["EmbeddedPostgres", "psql_path", "start_embedded"]


def start_embedded(home: Path) -> EmbeddedPostgres:
    """A running server with its data below ``home``, which is made where it is missing.

    Raises ServerUnavailable where trying again may help and ServerRefused where it cannot. An exception from a signal
    handler ends the wait; the server is then left to its other users, or stopped.
    """
    places = Places.below(home)
    with _system_errors(f"the embedded database in {places.directory} cannot be used"):
        return EmbeddedPostgres(places)


def psql_path() -> Path:
    """The bundled command-line client."""
    return program("psql")


class EmbeddedPostgres:
    """One user's hold on the server."""

    def __init__(self, places: Places) -> None:
        self._places = places
        account = _prepare(places)
        self._server = Server(places, account)
        self._membership: Membership | None = None
        with locked(places.order_lock):
            ensure_cluster(places, account)
            self._membership = Membership(places.users_lock)
            try:
                self._socket_directory = self._server.ensure_running()
            except ServerUnavailable:
                # It may be recovering still, and would begin anew if it were stopped now.
                self._server.release()
                self._membership.end()
                raise
            except BaseException:
                self._leave()
                raise

    @property
    def url(self) -> str:
        """Over the socket: no password, since only this account can reach it. The port names the socket's file."""
        host = quote(os.fsencode(self._socket_directory), safe="")
        return f"postgresql://{SUPERUSER}@/{DATABASE}?host={host}&port={PORT}"

    def close(self) -> None:
        """Stops the server where no one else uses it. A second call does nothing."""
        if self._membership is not None:
            with locked(self._places.order_lock):
                self._leave()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _leave(self) -> None:
        membership, self._membership = self._membership, None
        if membership is None:
            return
        try:
            if membership.is_last():
                self._server.stop()
            else:
                self._server.release()
        finally:
            membership.end()


def _prepare(places: Places) -> Account | None:
    """Makes the directory; gives the account that the server runs as."""
    account = account_for(places.data)
    mode = 0o711 if account else 0o700
    for directory in (places.directory.parent, places.directory):
        directory.mkdir(mode=mode, parents=True, exist_ok=True)
    open_the_way(places.data, account)
    programs = installation()
    make_readable(programs, account)
    open_the_way(programs / "bin" / "postgres", account)
    return account


@contextmanager
def _system_errors(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise system_failed(what, error) from error
