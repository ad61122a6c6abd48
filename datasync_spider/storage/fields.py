"""What is known of a stream's fields, and the changes that a batch brings: compared and saved in its transaction.

States of a batch's sample, and what a crash in each leaves behind:

taken      nothing: the batch is read again, and another sample is as good
waiting    nothing of the sample: it showed what is known, and would have been counted with the next ones. Its batch is
           committed and not read again, so that what vanishes is found so many pages later as were waiting
compared   nothing: no one has heard of a change
saved      nothing, as of all that the batch's transaction has written
committed  the fields are known, and each change is in ``ingestion_field_drift``, by which no other run reports it again

Invariant: a field, or a kind, that is not known or whose case is not resolved makes its batch one that is compared. The
counts are those of committed pages. Records that are stored just so are no part of a sample: they show what was known
when they were stored, and a stream whose old records differ from its new ones would change with each sync.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import Any

from msgspec import Struct

from datasync_spider.sources.drift import PAGES, Change, Profile, Seen
from datasync_spider.sources.fieldsample import RECORD, Counts, Field, Kind, places, records_of, sampled
from datasync_spider.sources.paths import Path, parse_path
from datasync_spider.storage.batch import Batch
from datasync_spider.storage.connection import Connection, translated
from datasync_spider.storage.rows import Rows
from datasync_spider.storage.runs import OpenRun
from datasync_spider.storage.statements import statement

# Pages whose samples show nothing but what is known are counted together.
_MOST_WAITING = 5
_ALL_PAGES = 2**31 - 1


class Compared(Struct, frozen=True):
    """What a batch's sample says. ``profile``: None where it waits. ``ends_nothing``: its run fails for a change."""

    samples: list[Counts]
    profile: Profile | None = None
    changes: tuple[Change, ...] = ()
    ends_nothing: bool = False


def sample(batch: Batch, known: AbstractSet[str], differing: AbstractSet[str]) -> list[Counts]:
    """Of pages with records that are not stored just so. Before the batch's turn, for it asks the server nothing.

    ``known``: ids of its rows that it has not stored; ``differing``: those of them that are stored otherwise.
    """
    same = known - differing
    if len(same) >= batch.rows:
        return []
    samples = []
    # Some of many small pages: the batch's commit is when a change is reported, so that nothing is found later by it.
    for page in [batch.pages[place] for place in places(len(batch.pages), PAGES)]:
        chosen = _chosen(page.rows, same)
        counts = sampled((page.rows[place].payload for place in chosen), page.page.body_bytes)
        if counts:
            samples.append(counts)
    return samples


class FieldWatch:
    """Of one run. Its methods are called in the order of batches, by one thread at a time."""

    def __init__(self, run: OpenRun) -> None:
        self._run = run
        self._waiting: list[Counts] = []
        self._resolved: AbstractSet[tuple[Field, Kind]] | None = None
        self._full: AbstractSet[Field] = frozenset()

    def compare(self, connection: Connection, batch: Batch, samples: list[Counts]) -> Compared:
        """With what is known. After the batch's turn, so that all earlier ones are known, and before its checkpoint."""
        # If the batch is not committed, what has waited is lost, and nothing is counted twice.
        samples, self._waiting = self._waiting + samples, []
        profile: Profile | None = None
        changes: tuple[Change, ...] = ()
        if samples and (batch.ends_pass or len(samples) >= _MOST_WAITING or any(map(self._has_news, samples))):
            profile = self._read(connection)
            for counts in samples:
                profile.meet(counts)
            changes = tuple(profile.changes())
        # Also of a batch that was on its way when an earlier one has shown a change.
        fails = self._run.fails_on_drift and bool(changes or (batch.ends_pass and self._has_drifted(connection)))
        return Compared(samples, profile, changes, fails)

    def save(self, connection: Connection, batch: Batch, compared: Compared) -> tuple[Change, ...]:
        """After the checkpoint, which has seen that the slice is ours. Gives the changes that were not reported before.

        A run that fails for them is given all: it must not be another run's report that keeps it from failing.
        """
        if compared.profile is None:
            return ()
        stream = {"stream_id": self._run.slice.stream_id}
        reported = []
        with connection.cursor() as cursor:
            fields = _as_rows(compared.profile)
            if fields:
                cursor.execute(statement("save_fields"), {**stream, "fields": json.dumps(fields)})
            if compared.profile.dropped:
                paths = [str(Path(field)) for field in compared.profile.dropped]
                cursor.execute(statement("drop_members"), {**stream, "paths": paths})
            of_batch = {**self._run.key, **stream, "page_number": batch.last_page}
            for change in compared.changes:
                found = {"path": change.path, "change": change.what, "was": change.was, "now": change.now}
                cursor.execute(statement("insert_drift"), {**of_batch, **found})
                if cursor.rowcount or self._run.fails_on_drift:
                    reported.append(change)
        return tuple(reported)

    def committed(self, compared: Compared) -> None:
        """The batch is in the database."""
        if compared.profile is None:
            self._waiting = compared.samples
        else:
            self._resolved, self._full = compared.profile.resolved(), compared.profile.full()

    def _has_news(self, counts: Counts) -> bool:
        if self._resolved is None:
            return True
        if RECORD in self._full:
            return False
        return any(field[:-1] not in self._full for field, _ in counts.keys() - self._resolved)

    def _read(self, connection: Connection) -> Profile:
        with connection.cursor() as cursor:
            cursor.execute(statement("read_fields"), {"stream_id": self._run.slice.stream_id})
            return Profile(_fields(cursor.fetchall()))

    def _has_drifted(self, connection: Connection) -> bool:
        with connection.cursor() as cursor:
            cursor.execute(statement("has_drifted"), {"run_id": self._run.run_id})
            return bool(cursor.fetchone()[0])


def read_changes(
    connection: Connection, run_id: int, first_page: int = 1, last_page: int = _ALL_PAGES
) -> tuple[Change, ...]:
    """What these pages of a run have changed. The transaction goes on."""
    with translated(), connection.cursor() as cursor:
        pages = {"run_id": run_id, "first_page": first_page, "last_page": last_page}
        cursor.execute(statement("read_drift"), pages)
        return tuple(Change(*row) for row in cursor.fetchall())


def _chosen(rows: Rows, same: Collection[str]) -> list[int]:
    if not same:
        return places(len(rows), records_of(len(rows)))
    others = [place for place, event_id in enumerate(rows.event_ids) if event_id not in same]
    return [others[place] for place in places(len(others), records_of(len(others)))]


def _fields(rows: Sequence[tuple[Any, ...]]) -> dict[Field, dict[Kind, Seen]]:
    fields: dict[Field, dict[Kind, Seen]] = {}
    for path, kind, *seen in rows:
        fields.setdefault(_field(path), {})[kind] = Seen(*seen)
    return fields


@lru_cache(maxsize=4_096)
def _field(path: str) -> Field:
    return parse_path(path).names or ()


def _as_rows(profile: Profile) -> list[dict[str, Any]]:
    rows = []
    for (field, kind), (pages, records) in profile.modified.items():
        seen = profile.fields.get(field, {}).get(kind)
        if seen is None:
            continue
        rows.append(
            {
                "path": str(Path(field)),
                "kind": kind,
                "pages": pages,
                "records": records,
                "records_before": seen.before,
                "values_before": seen.before_values,
                "last_record": seen.last,
                "last_page": seen.last_page,
                "is_new": seen.is_new,
                "is_full": seen.is_full,
                "has_vanished": seen.has_vanished,
            }
        )
    return rows
