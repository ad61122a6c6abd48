"""``scrapy psql``: an SQL prompt on the configured database, with the bundled client where none is installed.

The password travels by environment: a command line can be read by every user of the machine.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from datasync_spider.errors import StorageRefused
from datasync_spider.observe import exitcodes
from datasync_spider.ops.command import DatasyncCommand

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from datasync_spider.config import Config


# As a shell has it: the exit code of what a signal ended.
_SIGNALLED = 128


class Command(DatasyncCommand):
    """Arguments behind ``--`` are psql's own, such as ``scrapy psql -- -c 'SELECT 1'``."""

    _arguments: list[str]

    def syntax(self) -> str:
        return "[options] [-- psql arguments]"

    def short_desc(self) -> str:
        return "Open the configured database with psql"

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        super().process_options([], opts)
        self._arguments = [argument for argument in args if argument != "--"]

    def execute(self, database_url: str, config: Config, opts: argparse.Namespace) -> int:
        from datasync_spider.storage.dsn import libpq_environment
        from datasync_spider.storage.givenpath import path_not_taken

        client = shutil.which("psql") or _bundled()
        path = path_not_taken(database_url)
        if path is not None:
            print(
                f"psql: a pooler before the server gives no session the search_path of DATABASE_URL ({path}): write"
                " names with their schema, or SET LOCAL search_path in each transaction",
                file=sys.stderr,
            )
        environment = _as_bytes(libpq_environment(database_url, os.environ, with_path=path is None))
        # Ctrl-C belongs to psql, which cancels the statement; we stay for the embedded server's sake.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        code = subprocess.run([client, *self._arguments], env=environment, check=False).returncode
        if code == -signal.SIGPIPE:
            # Its reader has seen enough.
            return exitcodes.COMPLETE
        return code if code >= 0 else _SIGNALLED - code


def _as_bytes(variables: Mapping[str, str]) -> dict[bytes, bytes]:
    """As libpq wants them, also where the locale knows of ASCII alone; what it does not change stays as it is."""
    changed = {name: value for name, value in variables.items() if os.environ.get(name) != value}
    kept = {name: value for name, value in os.environb.items() if os.fsdecode(name) in variables}
    return {**kept, **{name.encode(): value.encode("utf-8", "surrogateescape") for name, value in changed.items()}}


def _bundled() -> str:
    from datasync_spider.local.database import bundled_psql

    try:
        return str(bundled_psql())
    except StorageRefused as error:
        raise StorageRefused(
            "there is no psql here, neither installed nor bundled: install PostgreSQL's client, or, with containers,"
            " ask the server's own: docker compose exec postgres psql --username=datasync"
        ) from error
