"""``scrapy psql``: an SQL prompt on the configured database, with the bundled client where none is installed.

The password travels by environment: a command line can be read by every user of the machine.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING

from datasync_spider.command import DatasyncCommand
from datasync_spider.errors import StorageRefused
from datasync_spider.local.embedded_postgres import psql_path
from datasync_spider.storage.dsn import libpq_environment

if TYPE_CHECKING:
    import argparse

    from datasync_spider.config import Config


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
        client = shutil.which("psql") or _bundled()
        environment = libpq_environment(database_url, os.environ)
        # Ctrl-C belongs to psql, which cancels the statement; we stay for the embedded server's sake.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return subprocess.run([client, *self._arguments], env=environment, check=False).returncode


def _bundled() -> str:
    try:
        return str(psql_path())
    except StorageRefused as error:
        raise StorageRefused(
            "there is no psql here, neither installed nor bundled: install PostgreSQL's client, or, with containers,"
            " ask the server's own: docker compose exec postgres psql --username=datasync"
        ) from error
