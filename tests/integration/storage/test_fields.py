"""What is known of a stream's fields is kept with its batches, and a change of them is recorded once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec import structs

from datasync_spider.errors import FencedOff
from datasync_spider.records.event import Event
from datasync_spider.sources.drift import MOST_FIELDS, PAGES, Change
from datasync_spider.storage import fields
from datasync_spider.storage.connection import connected
from datasync_spider.storage.removal import drop, find_target, reset
from datasync_spider.storage.streams import accept
from tests.support.database import rows, value
from tests.support.pages import event, page
from tests.support.runs import RunWriter, no_totals, open_test_run, run_writer
from tests.support.sources import stream_spec

THINGS = stream_spec("things", order="none", is_incremental=False)
MUTABLE = structs.replace(THINGS, is_mutable=True)
OLD, NEW = {"amount": 1, "region": "eu"}, {"amount": "1", "coupon": None}
FOUND = {("amount", "changed_type"), ("coupon", "appeared")}
KNOWN = "SELECT pages, records FROM ingestion_fields WHERE path = '@'"
A_PAGE = 8


def records(first: int, made: dict[str, Any], time_us: int = 0, count: int = A_PAGE) -> list[Event]:
    return [
        event(f"e{number:05}", time_us or number, json.dumps({"id": f"e{number:05}", **made}).encode())
        for number in range(first, first + count)
    ]


def write(
    run: RunWriter, numbers: Sequence[int], made: dict[str, Any], behind: int = 0, ends: str | None = None
) -> list[Change]:
    """A batch for each page, whose records are those of its number ``behind`` so many pages. Gives the changes."""
    return [
        change
        for number in numbers
        for change in run.write(
            page(
                number,
                records((behind + number) * A_PAGE, made),
                ends_pass=ends if number == numbers[-1] else None,
            )
        ).changes
    ]


def drift(url: str) -> list[tuple[Any, ...]]:
    return rows(url, "SELECT path, change FROM ingestion_field_drift ORDER BY path")


def test_a_change_is_recorded_with_its_batch_and_in_no_later_run(database_url: str) -> None:
    with run_writer(database_url, THINGS) as run:
        assert write(run, range(1, 21), OLD) == []
        assert {(change.path, change.what) for change in write(run, range(21, 24), NEW)} == FOUND
    run_id, page_number = rows(database_url, "SELECT DISTINCT run_id, page_number FROM ingestion_field_drift")[0]
    assert (run_id, 21 <= page_number <= 22) == (run.run.run_id, True)
    with run_writer(database_url, THINGS) as run:
        # What was seen in the run before counts: of ten pages without it that one has read some.
        assert [str(change) for change in write(run, range(1, 15), NEW, 23)] == ["region vanished (it was text)"]
        assert write(run, range(15, 40), OLD | NEW, 23) == []
    assert drift(database_url) == [("amount", "changed_type"), ("coupon", "appeared"), ("region", "vanished")]
    assert rows(database_url, "SELECT drifted FROM ingestion_run_facts ORDER BY run_id") == [(2,), (1,)]
    assert value(database_url, "SELECT drifted FROM ingestion_stream_facts WHERE stream = 'things'") == 3


def test_nothing_is_kept_of_a_batch_that_is_not_committed(database_url: str) -> None:
    with run_writer(database_url, THINGS) as run:
        # The first batch is compared, and then every fifth.
        write(run, range(1, 22), OLD)
        known = rows(database_url, KNOWN)
        open_test_run(database_url, THINGS)
        with pytest.raises(FencedOff):
            write(run, range(22, 25), NEW)
    assert rows(database_url, KNOWN) == known == [(21, 84)]
    assert drift(database_url) == []
    with run_writer(database_url, THINGS) as run:
        assert {(change.path, change.what) for change in write(run, range(1, 4), NEW)} == FOUND


def test_a_commit_of_unknown_outcome_has_its_changes_read_back(database_url: str) -> None:
    with run_writer(database_url, THINGS) as run:
        write(run, range(1, 21), OLD)
        batch = run.batch(*(page(number, records(number * A_PAGE, NEW)) for number in (21, 22)))
        committed = run.writer.write(run.connection, batch, lambda: None, no_totals)
        doubted = run.writer.was_committed(run.connection, batch)
        assert doubted is not None
        assert set(doubted.changes) == set(committed.changes) != set()


def test_records_that_are_stored_just_so_show_nothing_again(database_url: str) -> None:
    with run_writer(database_url, MUTABLE) as run:
        write(run, range(1, 21), OLD)
        write(run, range(21, 41), NEW, ends="last_page")
    known = rows(database_url, KNOWN)
    with run_writer(database_url, MUTABLE) as run:
        # The next sync begins with the old ones, and reads all of it.
        assert write(run, range(1, 21), OLD) == []
        assert rows(database_url, KNOWN) == known
        # One record of each page has changed, and that one is looked at.
        for number in range(21, 41):
            changed = records(number * A_PAGE, {**NEW, "coupon": 5, "by": "x"}, 10**6, 1)
            run.write(page(number, [*changed, *records(number * A_PAGE + 1, NEW, count=A_PAGE - 1)]))
    assert rows(database_url, KNOWN) == [(60, 180)]
    assert ("by", "appeared") in drift(database_url)


def test_slices_of_a_stream_know_its_fields_together_and_report_a_change_once(database_url: str) -> None:
    first, second = (structs.replace(THINGS, slice=f'{{"of": "{name}"}}') for name in "ab")
    with run_writer(database_url, first) as one, run_writer(database_url, second) as other:
        write(one, range(1, 22), OLD)
        # Both compare before one of them commits.
        begun = []
        for run, numbers in ((one, (22, 23)), (other, (1, 2))):
            batch = run.batch(*(page(number, records(number * A_PAGE, NEW)) for number in numbers))
            watch = fields.FieldWatch(run.run)
            compared = watch.compare(run.connection, batch, fields.sample(batch, frozenset(), frozenset()))
            assert {(change.path, change.what) for change in compared.changes} == FOUND
            begun.append((run, batch, watch, compared))
        reported = []
        for run, batch, watch, compared in begun:
            reported.append(len(watch.save(run.connection, batch, compared)))
            run.connection.commit()
        assert reported == [2, 0]
    assert set(drift(database_url)) == FOUND
    assert rows(database_url, KNOWN) == [(25, 100)]
    assert rows(
        database_url, "SELECT slice, drifted FROM ingestion_stream_facts WHERE stream = 'things' ORDER BY id"
    ) == [(first.slice, 2), (second.slice, 0)]


def test_a_stream_that_is_to_fail_for_it_is_called_complete_by_no_batch_of_the_run(database_url: str) -> None:
    spec = structs.replace(THINGS, fails_on_drift=True)
    with run_writer(database_url, spec) as run:
        write(run, range(1, 21), OLD)
        assert write(run, range(21, 24), NEW)
        # One that was on its way by then, and ends the pass.
        assert write(run, [24], NEW, ends="last_page") == []
    assert value(database_url, "SELECT pass_status FROM ingestion_state WHERE stream = 'things'") == "open"
    with run_writer(database_url, spec) as run:
        assert write(run, [1], NEW, ends="last_page") == []
    assert value(database_url, "SELECT pass_status FROM ingestion_state WHERE stream = 'things'") == "complete"


@pytest.mark.parametrize("remove", [reset, drop])
def test_a_stream_that_is_reset_or_dropped_is_learned_anew(database_url: str, remove: Any) -> None:
    with run_writer(database_url, THINGS) as run:
        write(run, range(1, 21), OLD)
        write(run, range(21, 24), NEW)
    with connected(database_url) as connection:
        target = find_target(connection, "things", None)
        assert target is not None
        remove(connection, target, 60_000, alive=lambda _: False)
    assert rows(database_url, KNOWN) == []
    assert drift(database_url) == []
    with run_writer(database_url, THINGS) as run:
        assert write(run, range(1, PAGES), NEW) == []


def test_changes_are_accepted_by_stream_or_slice(database_url: str) -> None:
    with run_writer(database_url, THINGS) as run:
        write(run, range(1, 21), OLD)
        write(run, range(21, 24), NEW)
        stream_id = run.run.slice.stream_id
    with connected(database_url) as connection:
        assert accept(connection, stream_id, "no such slice") == 0
        assert accept(connection, stream_id, None) == 2
        assert accept(connection, stream_id, None) == 0
    assert value(database_url, "SELECT drifted FROM ingestion_stream_facts WHERE stream = 'things'") == 0
    assert value(database_url, "SELECT drifted FROM ingestion_run_facts") == 2


def test_names_that_are_data_and_two_thousand_of_them_are_kept_within_bounds(database_url: str) -> None:
    wide = {f"field {number}": number for number in range(2_000)}
    with run_writer(database_url, THINGS) as run:
        for number in range(1, 30):
            by_id = {f"{number} {place}": {"x": 1} for place in range(20)}
            write(run, [number], {"by_id": by_id, "\ud83d\ude00 'a\"": 1, **(wide if number > 20 else {})})
        assert value(database_url, "SELECT is_full FROM ingestion_fields WHERE path = 'by_id'") is True
        assert value(database_url, "SELECT count(*) FROM ingestion_fields WHERE path LIKE 'by_id.%'") == 0
        assert value(database_url, "SELECT count(DISTINCT path) FROM ingestion_fields") == MOST_FIELDS + 1
        assert value(database_url, "SELECT is_full FROM ingestion_fields WHERE path = '@'") is True
        # The fields that are followed are read back as they were written.
        assert (
            value(database_url, "SELECT count(*) FROM ingestion_fields WHERE pages <> last_page AND path = 'id'") == 0
        )
