"""The latest version of a record is stored whatever the order in which they come, and all others are kept once."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

import pytest
from msgspec.structs import replace

from datasync_spider.items import EventPage
from datasync_spider.records.event import Event
from datasync_spider.storage.batch import Counts
from datasync_spider.storage.copying import CopyMode
from datasync_spider.storage.registry import StreamSpec
from tests.support.database import rows, value
from tests.support.pages import event, page
from tests.support.runs import RunWriter, no_totals, open_test_run, run_writer
from tests.support.verifying import failing
from tests.support.versions import MUTABLE, history, stored, version


def write(url: str, *batches: Sequence[Event], spec: StreamSpec = MUTABLE) -> None:
    """A page and a transaction each, by one run."""
    with run_writer(url, spec) as run:
        for number, events in enumerate(batches, 1):
            run.write(page(number, list(events)))


# Each is earlier than the next one.
VERSIONS = [
    "null",
    "-1e3",
    "-2",
    "9",
    "10",
    "10.5",
    "123456789012345678901234567890",
    "123456789012345678901234567891",
    '"0001-01-01T00:00:00Z"',
    '"2025-02-30T00:00:00Z"',
    '"2025-03-04T12:00:00+13:00"',
    '"2025-03-03T23:00:00.1Z"',
    '"2025-03-03T23:00:00.15Z"',
    '"2025-03-03 23:00:00.1500000000001-00:00"',
    '"2025-03-03T20:00:00.2-0300"',
    '"9999-12-31T23:59:60Z"',
    '""',
    '"10"',
    '"9"',
    '"B"',
    '"a"',
    '"\\u00e4"',
    '"\\ud83d\\ude42"',
]


@pytest.mark.parametrize("later_first", [False, True])
def test_of_two_versions_the_later_one_is_stored_whichever_comes_first(database_url: str, later_first: bool) -> None:
    pairs = [(n, [version(f"e{n}", text) for text in VERSIONS[n : n + 2]]) for n in range(len(VERSIONS) - 1)]
    first, second = (1, 0) if later_first else (0, 1)
    write(database_url, [pair[first] for _, pair in pairs], [pair[second] for _, pair in pairs])
    payloads = dict(rows(database_url, "SELECT event_id, payload FROM datasync__things"))
    kept = dict(rows(database_url, "SELECT event_id, payload FROM datasync__things__history"))
    for n, pair in pairs:
        earlier, later = (rows(database_url, "SELECT %s::jsonb", (one.payload.decode(),))[0][0] for one in pair)
        assert (payloads[f"e{n}"], kept[f"e{n}"]) == (later, earlier), VERSIONS[n : n + 2]
    assert value(database_url, "SELECT count(*) FROM event_conflicts") == 0


@pytest.mark.parametrize("path", [(), ("a", "b"), ("100%", "'{}"), ("list", "1")])
def test_a_version_is_found_by_its_path(database_url: str, path: tuple[str, ...]) -> None:
    def at_path(number: int) -> Event:
        payload = {"a": {"b": number}, "100%": {"'{}": number}, "list": [1, number]}
        return event("x", 10, json.dumps(payload).encode())

    write(database_url, [at_path(9)], [at_path(10)], [at_path(8)], spec=replace(MUTABLE, version=path))
    # Of a path that leads to no version nothing is later than anything.
    assert value(database_url, "SELECT payload->'list'->>1 FROM datasync__things") == ("10" if path else "9")


def test_without_a_path_the_time_is_the_version_and_none_is_earlier_than_any(database_url: str) -> None:
    made = {number: event("x", at, b'{"v":%d}' % number) for number, at in enumerate([None, 20, 10, 30, None])}
    by_time = replace(MUTABLE, version=None)
    write(database_url, [made[0]], [made[1]], [made[2]], [made[3]], [made[4]], spec=by_time)
    assert stored(database_url) == {"x": "3"}
    assert history(database_url) == Counter([("x", "0"), ("x", "1"), ("x", "2"), ("x", "4")])


def test_a_version_that_comes_back_after_it_was_replaced_is_kept_once(database_url: str) -> None:
    a, b = version("x", 1), version("x", 2)
    write(database_url, [a], [b], [a], [b], [a])
    assert (stored(database_url), history(database_url)) == ({"x": "2"}, Counter([("x", "1")]))
    # By another field the first one is later after all, and goes the same way again.
    again = [version("x", 1, ',"w":7'), version("x", 3, ',"w":6'), version("x", 1, ',"w":7')]
    write(database_url, *([one] for one in again), spec=replace(MUTABLE, version=("w",)))
    assert stored(database_url) == {"x": "1"}
    assert history(database_url) == Counter([("x", "1"), ("x", "2"), ("x", "3")])


def test_the_history_says_what_was_in_the_table_and_since_when(database_url: str) -> None:
    write(database_url, [version("x", 2)])
    since = value(database_url, "SELECT ingested_at FROM datasync__things")
    write(database_url, [version("x", 3), version("x", 1)])
    kept = rows(database_url, "SELECT payload->>'v', valid_from, run_id FROM datasync__things__history ORDER BY 1")
    assert kept == [("1", None, 2), ("2", since, 2)]
    valid_to = value(database_url, "SELECT max(valid_to) FROM datasync__things__history")
    assert value(database_url, "SELECT ingested_at FROM datasync__things") == valid_to > since


def test_two_contents_of_one_version_are_a_finding_and_the_first_one_stays(database_url: str) -> None:
    one, other = version("x", 1), version("x", 1, ',"other":true')
    with run_writer(database_url, MUTABLE) as run:
        run.write(page(1, [one]))
        committed = run.write(page(2, [other, version("y", 1), version("y", 2), version("y", 2, ',"other":true')]))
        again = run.write(page(3, [other]))
    assert (committed.counts.conflicts, again.counts.conflicts) == (2, 0)
    found = rows(database_url, "SELECT event_id, payload ? 'other', was_stored FROM event_conflicts ORDER BY 1")
    assert found == [("x", True, False), ("y", True, False)]
    assert value(database_url, "SELECT count(*) FROM datasync__things WHERE payload ? 'other'") == 0
    assert history(database_url) == Counter([("y", "1")])
    assert value(database_url, "SELECT conflicts FROM ingestion_runs") == 2


def test_without_a_history_what_is_replaced_is_gone(database_url: str) -> None:
    spec = replace(MUTABLE, keeps_history=False)
    write(database_url, [version("x", 2)], [version("x", 1)], [version("x", 3)], spec=spec)
    assert stored(database_url) == {"x": "3"}
    assert rows(database_url, "SELECT history_name FROM ingestion_streams WHERE name = 'things'") == [(None,)]
    assert value(database_url, "SELECT to_regclass('datasync__things__history')") is None
    assert value(database_url, "SELECT count(*) FROM event_conflicts") == 0
    # One that asks for it later gets it from then on; one that does not leaves it as it is.
    write(database_url, [version("x", 4)])
    write(database_url, [version("x", 5)], spec=spec)
    assert (stored(database_url), history(database_url)) == ({"x": "5"}, Counter([("x", "3")]))


def test_a_page_of_nothing_but_later_versions_is_progress(database_url: str) -> None:
    with run_writer(database_url, MUTABLE) as run:
        run.write(page(1, [version("x", 1), version("y", 1)]))
        committed = run.write(page(2, [version("x", 2)]), page(3, [version("y", 1)]))
        assert (committed.counts.inserted, committed.counts.duplicates, committed.last_new_page) == (0, 2, 2)
        assert run.write(page(4, [version("x", 1), version("y", 1)])).last_new_page is None


def test_slices_of_one_stream_replace_their_own_records_alone(database_url: str) -> None:
    a, b = (replace(MUTABLE, slice=name) for name in ('{"s":"a"}', '{"s":"b"}'))
    for spec in (a, b):
        write(database_url, [version("x", 1), version("y", 1)], spec=spec)
    write(database_url, [version("x", 2)], spec=a)
    assert (stored(database_url, a), stored(database_url, b)) == ({"x": "2", "y": "1"}, {"x": "1", "y": "1"})
    assert (history(database_url, a), history(database_url, b)) == (Counter([("x", "1")]), Counter())
    write(database_url, [version("x", 2)], spec=b)
    assert history(database_url, b) == Counter([("x", "1")])


class _Crash(Exception):
    pass


def _crash() -> Counts:
    raise _Crash


@pytest.mark.parametrize("slice_name", ["{}", '{"s":1}'])
@pytest.mark.parametrize("keeps_history", [True, False])
@pytest.mark.parametrize("mode", [CopyMode(), CopyMode(expects_known=True)], ids=["straight", "probing"])
def test_in_any_order_and_whatever_crashes_the_greatest_version_is_stored_and_the_others_are_kept_once(
    database_url: str, slice_name: str, keeps_history: bool, mode: CopyMode
) -> None:
    """Some with two in flight; a page that a crash has taken comes again, or later."""
    chance = random.Random(f"{slice_name} {keeps_history} {mode.prefers_straight()}")
    spec = replace(MUTABLE, slice=slice_name, keeps_history=keeps_history)
    served = [(f"e{n}", v) for n in range(150) for v in chance.choices(range(8), k=chance.randint(1, 7))]
    chance.shuffle(served)
    waiting = [version(*one) for one in served]
    while waiting:
        run = RunWriter(database_url, open_test_run(database_url, spec), mode=mode)
        with suppress(_Crash):
            number = 0
            while waiting:
                pages: list[EventPage] = []
                taken = 0
                for _ in range(chance.randint(1, 4)):
                    number += 1
                    size = chance.randint(0, 25)
                    pages.append(page(number, waiting[taken : taken + size]))
                    taken += size
                cut = chance.randint(1, len(pages))
                batches = [run.batch(*part) for part in (pages[:cut], pages[cut:]) if part]
                for batch in batches:
                    totals = _crash if chance.random() < 0.1 else no_totals
                    run.writer.write(run.connection, batch, lambda: None, totals)
                    run.preparer.forget(batch)
                    del waiting[: sum(one.page.received_events for one in batch.pages)]
        # What was written is served again now and then.
        waiting += [version(*chance.choice(served)) for _ in range(5)] if waiting else []
        run.connection.close()
    greatest = {name: str(max(v for other, v in served if other == name)) for name, _ in served}
    assert stored(database_url, spec) == greatest
    if keeps_history:
        others = {(name, str(v)) for name, v in served} - set(greatest.items())
        assert history(database_url, spec) == Counter(others)
    assert value(database_url, "SELECT count(*) FROM event_conflicts") == 0
    assert value(database_url, "SELECT total_ingested FROM ingestion_state WHERE stream = 'things'") == len(greatest)
    if slice_name == "{}":
        # No run here goes on where the one before it has ended.
        assert failing(database_url, stream="things") == {"cursor_chain"}
