"""Renews the leases of many runs, and their heartbeats, in one transaction.

Invariant: no lock is waited for, so that a transaction with one slice's row keeps no other's lease from being renewed;
and no lease is renewed that is not the run's by its fence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from datasync_spider.pacing.askedwaits import Closed
from datasync_spider.storage.connection import Connection, limit_transaction, translated
from datasync_spider.storage.credentials import read_closed
from datasync_spider.storage.runs import OpenRun
from datasync_spider.storage.statements import statement


class Beat(NamedTuple):
    """A run, and what it has cost so far."""

    run: OpenRun
    retries: int
    waited_ms: int


class Renewed(NamedTuple):
    """``lease``: skipped, where someone else has the slice's row; fenced, where another run has the lease.

    ``closed``: how long the API wants no request of the run's credential.
    """

    lease: Literal["renewed", "skipped", "fenced"]
    closed: Closed


def renew_leases(connection: Connection, beats: Sequence[Beat]) -> Mapping[int, Renewed]:
    """What has become of each, by its run's number."""
    runs = [beat.run for beat in beats]
    values = {
        "slice_ids": [run.slice.slice_id for run in runs],
        "fences": [run.fence for run in runs],
        "run_ids": [run.run_id for run in runs],
        "lease_ttls_ms": [run.lease_ttl_ms for run in runs],
        "retries": [beat.retries for beat in beats],
        "waits_ms": [beat.waited_ms for beat in beats],
    }
    credentials = {run.run_id: run.waits.credential_id for run in runs}
    with translated(), connection.cursor() as cursor:
        limit_transaction(connection, min(run.lease_ttl_ms for run in runs))
        cursor.execute(statement("renew_leases"), values)
        found = cursor.fetchall()
        closed = read_closed(cursor, {number for number in credentials.values() if number is not None})
        connection.commit()
    renewed: dict[int, Renewed] = {}
    for run_id, is_renewed, is_ours in found:
        number = credentials[run_id]
        waits = Closed() if number is None else closed.get(number, Closed())
        renewed[run_id] = Renewed("renewed" if is_renewed else "skipped" if is_ours else "fenced", waits)
    return renewed
