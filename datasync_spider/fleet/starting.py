"""What stands before the first slice of a process is begun: tables of today's schema, and in them what is to be due.

Invariant: a signal is heard meanwhile, also where the database says nothing; one that is away for a moment is waited
for.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from datasync_spider.ops.command import interruptibly
from datasync_spider.sources import streamnames
from datasync_spider.storage.connection import NO_LOCK_TIMEOUT_MS, connected
from datasync_spider.storage.identity import check_identity
from datasync_spider.storage.pool import looking_on
from datasync_spider.storage.retrying import patiently
from datasync_spider.storage.standstill import StandstillWatch, looking_on_from
from datasync_spider.storage.status import read_stream_names
from datasync_spider.storage.tables import prepare_tables

if TYPE_CHECKING:
    from datasync_spider.fleet.claims import Claims
    from datasync_spider.fleet.roster import Roster
    from datasync_spider.storage.pool import Pool

logger = logging.getLogger(__name__)


def prepare(database_url: str, stall_timeout_seconds: float, stream: str | None = None) -> None:
    """``stream``: a name that may be misspelt. Raises StorageError, Stalled, and what a signal is turned into."""
    with StandstillWatch(looking_on_from(database_url), stall_timeout_seconds) as watch:
        interruptibly(lambda: patiently(lambda: _prepare_tables(database_url, stream, watch)), watch)


def register(claims: Claims, roster: Roster, pool: Pool, stall_timeout_seconds: float) -> None:
    """Notes what the roster names. Raises as :func:`prepare` does."""
    with StandstillWatch(looking_on(pool), stall_timeout_seconds) as watch:
        interruptibly(lambda: patiently(lambda: claims.register(roster)), watch)


def _prepare_tables(database_url: str, stream: str | None, watch: StandstillWatch) -> None:
    """``stream``: a name that may be misspelt."""
    with connected(database_url, lock_timeout_ms=NO_LOCK_TIMEOUT_MS) as connection, watch.over(connection):
        check_identity(connection, os.environ)
        prepare_tables(connection, on_applied=lambda migration: logger.info("applied migration %s", migration))
        if stream is not None and (warning := streamnames.new(stream, read_stream_names(connection))):
            logger.warning("%s", warning)
