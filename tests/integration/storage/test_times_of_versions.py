"""Of each record it is known which version was its row at which time, whatever came in which order and was killed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
from msgspec.structs import replace

from datasync_spider.errors import StorageRefused
from datasync_spider.items import EventPage
from datasync_spider.storage.batch import Counts
from datasync_spider.storage.connection import connected
from datasync_spider.storage.migrate import load_migrations, migrate
from datasync_spider.storage.registry import Deletions, StreamSpec, Tombstone
from datasync_spider.storage.removal import drop, find_target
from tests.support.database import execute_outside, rows, value
from tests.support.deletions import sync
from tests.support.limitedrole import LimitedRole
from tests.support.pages import page
from tests.support.runs import RunWriter, no_totals, open_test_run
from tests.support.versions import MUTABLE, version

VERSIONED = replace(
    MUTABLE, order="none", is_incremental=False, tombstone=Tombstone(("gone",), True), deletions=Deletions()
)
TIMELINE = "datasync__things__versions"


@dataclass
class Model:
    """What the API has served, as it counts: by id the greatest version, and if it is a deletion; what is marked."""

    stored: dict[str, tuple[int, bool]] = field(default_factory=dict)
    marked: set[str] = field(default_factory=set)
    met: set[str] = field(default_factory=set)

    def serve(self, served: list[tuple[str, int, bool]]) -> None:
        for name, number, is_gone in served:
            if name not in self.stored or number > self.stored[name][0]:
                self.stored[name] = (number, is_gone)
            self.met.add(name)
        self.marked -= self.met

    def end_pass(self) -> None:
        self.marked |= {name for name, (_, is_gone) in self.stored.items() if name not in self.met and not is_gone}
        self.met = set()

    @property
    def living(self) -> dict[str, int]:
        return {n: v for n, (v, is_gone) in self.stored.items() if not is_gone and n not in self.marked}


class Crash(Exception):
    pass


def crash() -> Counts:
    raise Crash


def clock(url: str) -> datetime:
    at = value(url, "SELECT clock_timestamp()")
    assert isinstance(at, datetime)
    return at


def living(url: str, condition: str, *values: Any) -> dict[str, int]:
    found = rows(url, f"SELECT event_id, (payload->>'v')::int FROM {TIMELINE} WHERE {condition}", values)
    assert len(dict(found)) == len(found), "a record has two versions at once"
    return dict(found)


def drawn_page(draw: random.Random, numbers: dict[str, int]) -> list[tuple[str, int, bool]]:
    """Some go on to a later version, some are served as before or late; one in three versions is a tombstone."""
    served = []
    for name in draw.sample([f"e{n}" for n in range(25)], draw.randint(1, 9)):
        if draw.random() < 0.5:
            numbers[name] = numbers.get(name, 0) + draw.randint(1, 2)
        number = max(0, numbers.get(name, 0) - draw.choice([0, 0, 0, 1, 3]))
        served.append((name, number, number % 3 == 2))
    return served


def play(url: str, spec: StreamSpec, draw: random.Random) -> tuple[Model, list[tuple[datetime, dict[str, int]]]]:
    """Passes of some pages, whose transactions are killed now and then. Gives what was so at which time."""
    model = Model()
    numbers: dict[str, int] = {}
    seen: list[tuple[datetime, dict[str, int]]] = [(clock(url), {})]
    for _ in range(5):
        pages = [drawn_page(draw, numbers) for _ in range(draw.randint(1, 5))]
        while pages:
            run = RunWriter(url, open_test_run(url, spec))
            with suppress(Crash):
                for number in range(1, len(pages) + 1):
                    is_last = len(pages) == 1
                    made = as_page(number, pages[0], is_last=is_last)
                    batch = run.batch(made)
                    totals = crash if draw.random() < 0.25 else no_totals
                    run.writer.write(run.connection, batch, lambda: None, totals)
                    run.preparer.forget(batch)
                    model.serve(pages.pop(0))
                    if is_last:
                        model.end_pass()
                    seen.append((clock(url), dict(model.living)))
            run.connection.close()
    return model, seen


def as_page(number: int, served: list[tuple[str, int, bool]], *, is_last: bool) -> EventPage:
    events = [version(name, v, ',"gone":true' if is_gone else "") for name, v, is_gone in served]
    return page(number, events, ends_pass="last_page" if is_last else None)


@pytest.mark.parametrize("seed", range(2))
def test_at_each_time_there_is_the_version_that_was_the_row_then(database_url: str, seed: int) -> None:
    draw = random.Random(seed)
    spec = replace(VERSIONED, slice='{"n":1}') if seed % 2 else VERSIONED
    model, seen = play(database_url, spec, draw)
    assert living(database_url, "valid_to IS NULL") == model.living
    for at, then in seen:
        as_of = living(database_url, "valid_from <= %s AND (valid_to IS NULL OR valid_to > %s)", at, at)
        assert as_of == then
    at, then = seen[len(seen) // 2]
    changed = f"SELECT DISTINCT event_id FROM {TIMELINE} WHERE valid_from > %s OR valid_to > %s"
    differing = {n for n in {*then, *model.living} if then.get(n) != model.living.get(n)}
    assert differing <= {name for (name,) in rows(database_url, changed, (at, at))}
    assert value(database_url, f"SELECT count(*) FROM {TIMELINE} WHERE valid_to < valid_from") == 0


def test_a_batch_that_began_before_the_one_whose_version_it_replaces_leaves_no_time_without_a_version(
    database_url: str,
) -> None:
    early, late = (RunWriter(database_url, open_test_run(database_url, MUTABLE)) for _ in range(2))
    first, second = late.batch(page(1, [version("x", 1)])), late.batch(page(2, [version("x", 2)]))
    # The second one waits for its turn while the first one begins again.

    def turn() -> None:
        late.writer.write(early.connection, first, lambda: None, no_totals)

    late.writer.write(late.connection, second, turn, no_totals)
    times = rows(database_url, f"SELECT payload->>'v', valid_from, valid_to FROM {TIMELINE} ORDER BY 1")
    (_, begun, ended), (_, follows, still) = times
    assert (begun <= ended == follows, still) == (True, None)
    early.connection.close()
    late.connection.close()


def test_what_others_have_built_on_the_view_stays_when_the_stream_declares_deletions_and_another_tombstone(
    database_url: str,
) -> None:
    plain = replace(MUTABLE, order="none", is_incremental=False)
    sync(database_url, [version("x", 1), version("y", 1)], spec=plain)
    execute_outside(database_url, f"CREATE VIEW theirs AS SELECT event_id FROM {TIMELINE} WHERE valid_to IS NULL")
    marking = replace(plain, deletions=Deletions())
    sync(database_url, [version("x", 1)], spec=marking)
    assert rows(database_url, "SELECT event_id FROM theirs") == [("x",)]
    execute_outside(database_url, "DELETE FROM ingestion_pages; UPDATE ingestion_state SET total_ingested = 0")
    other = replace(plain, tombstone=Tombstone(("v",), 1))
    sync(database_url, [version("z", 2)], spec=other)
    assert rows(database_url, "SELECT event_id FROM theirs") == [("z",)]
    with connected(database_url) as connection:
        target = find_target(connection, "things", None)
        assert target is not None
        with pytest.raises(StorageRefused, match="view theirs"):
            drop(connection, target, 60_000, alive=lambda _: False)
        execute_outside(database_url, "DROP VIEW theirs")
        drop(connection, target, 60_000, alive=lambda _: False)
    assert value(database_url, "SELECT to_regclass(%s)", (TIMELINE,)) is None


def test_a_view_that_was_dropped_by_hand_is_made_again_and_never_in_the_place_of_another_relation(
    database_url: str,
) -> None:
    execute_outside(database_url, f"CREATE TABLE {TIMELINE} ()")
    for _ in range(2):
        open_test_run(database_url, MUTABLE)
        name = value(database_url, "SELECT timeline_name FROM ingestion_streams WHERE name = 'things'")
        assert name != TIMELINE
        execute_outside(database_url, f"DROP VIEW {name}")
    longest = replace(MUTABLE, name="n" * 63)
    open_test_run(database_url, longest)
    name = value(database_url, "SELECT timeline_name FROM ingestion_streams WHERE name = %s", (longest.name,))
    assert value(database_url, "SELECT to_regclass(%s)::text", (name,)) == name


_BEFORE = """
ALTER TABLE {table} ADD COLUMN unseen_at TIMESTAMPTZ NULL;
ALTER TABLE {table} ADD COLUMN deleted_at TIMESTAMPTZ NULL GENERATED ALWAYS AS (
    CASE WHEN payload #> ARRAY['gone'] = 'true'::jsonb THEN coalesce(occurred_at, ingested_at) ELSE unseen_at END
) STORED;
CREATE TABLE {table}__history (
    history_id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, {slice_id} event_id TEXT NOT NULL,
    occurred_at TIMESTAMPTZ NULL, payload JSONB NOT NULL, payload_sha256 BYTEA NOT NULL, ingested_at TIMESTAMPTZ NULL,
    replaced_at TIMESTAMPTZ NOT NULL DEFAULT now(), run_id BIGINT NOT NULL, UNIQUE ({key}, payload_sha256)
);
INSERT INTO {table} ({ids} event_id, payload, ingested_at) VALUES ({of_slice} 'x', '{{"id":"x","v":5}}', '2026-01-05');
INSERT INTO {table}__history ({ids} event_id, payload, payload_sha256, ingested_at, replaced_at, run_id) VALUES
    ({of_slice} 'x', '{{"id":"x","v":1}}', '1', '2026-01-01', '2026-01-03', 1),
    ({of_slice} 'x', '{{"id":"x","v":3,"gone":true}}', '3', '2026-01-03', '2026-01-05', 1),
    ({of_slice} 'x', '{{"id":"x","v":2}}', '2', NULL, '2026-01-04', 1);
UPDATE ingestion_streams SET history_name = table_name || '__history', unseen_column = 'unseen_at'
WHERE name = '{stream}';
"""


@pytest.mark.parametrize("slice_name", ["{}", '{"n":1}'])
def test_histories_of_before_have_their_times_and_a_migration_that_is_cut_short_leaves_them(
    empty_database_url: str, slice_name: str
) -> None:
    url = empty_database_url
    versions = next(place for place, one in enumerate(load_migrations()) if one.name == "versions")
    with connected(url) as connection:
        migrate(connection, load_migrations()[:versions])
    execute_outside(
        url,
        "INSERT INTO ingestion_streams (source_id, name, table_name, is_sliced, fingerprint)"
        " VALUES (1, 'things', 'datasync__things', %s, %s);"
        " INSERT INTO ingestion_state (stream_id, stream, slice)"
        " VALUES (currval('ingestion_streams_stream_id_seq'), 'things', %s)",
        (slice_name != "{}", '{"tombstone": "gone=true"}', slice_name),
    )
    slice_id = value(url, "SELECT id FROM ingestion_state WHERE stream = 'things'")
    is_sliced = slice_name != "{}"
    of = "slice_id BIGINT NOT NULL, " if is_sliced else ""
    key = "event_id, slice_id" if is_sliced else "event_id"
    execute_outside(
        url,
        f"CREATE TABLE datasync__things ({of} event_id TEXT NOT NULL, occurred_at TIMESTAMPTZ NULL,"
        f" payload JSONB NOT NULL, ingested_at TIMESTAMPTZ NOT NULL DEFAULT now(), PRIMARY KEY ({key}))",
    )
    execute_outside(
        url,
        _BEFORE.format(
            table="datasync__things",
            slice_id=of,
            key=key,
            ids="slice_id, " if is_sliced else "",
            of_slice=f"{slice_id}, " if is_sliced else "",
            stream="things",
        ),
    )
    with connected(url) as connection:
        connection.cursor().execute(load_migrations()[versions].sql)
        connection.rollback()
        assert value(url, "SELECT count(replaced_at) FROM datasync__things__history") == 3
        migrate(connection)
    sync(url, [version("x", 5), version("x", 4)], spec=replace(VERSIONED, slice=slice_name))
    found = rows(
        url,
        f"SELECT payload->>'v', valid_from::date::text, valid_to::date::text FROM {TIMELINE} ORDER BY 1",
    )
    assert found == [
        ("1", "2026-01-01", "2026-01-03"),
        ("3", "2026-01-03", "2026-01-03"),
        ("5", "2026-01-05", None),
    ]
    kept = rows(url, "SELECT payload->>'v' FROM datasync__things__history WHERE valid_from IS NULL ORDER BY 1")
    assert kept == [("2",), ("4",)]


@contextmanager
def closing_role(url: str) -> Iterator[LimitedRole]:
    """One that may use what there is by now, and make nothing."""
    role = LimitedRole(url)
    execute_outside(url, f"REVOKE CREATE ON SCHEMA public FROM {role.name}")
    try:
        yield role
    finally:
        role.drop()


def test_a_role_that_may_not_make_the_view_keeps_versions_all_the_same(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    sync(database_url, [version("x", 1)], spec=MUTABLE)
    execute_outside(database_url, f"DROP VIEW {TIMELINE}")
    with closing_role(database_url) as role:
        sync(role.url, [version("x", 2)], spec=MUTABLE)
    assert "the view of all versions of the stream things is not made: permission denied" in caplog.text
    sync(database_url, [version("x", 2)], spec=MUTABLE)
    assert rows(database_url, f"SELECT payload->>'v' FROM {TIMELINE} WHERE valid_to IS NOT NULL") == [("1",)]
