"""What is met again is not counted again: pages that shift or come twice, a page read again, databases of before."""

from __future__ import annotations

import dataclasses

import pytest

from datasync_spider.items import EventPage
from datasync_spider.records.event import Event, RejectedEvent
from datasync_spider.storage.connection import connected
from datasync_spider.storage.known import is_known_entirely
from datasync_spider.storage.migrate import load_migrations, migrate
from datasync_spider.storage.passdepth import read_pass_depth
from tests.support.database import execute_outside, rows, value
from tests.support.deadletters import dead_letter
from tests.support.headfeed import HeadFeed
from tests.support.pages import event, page
from tests.support.runs import EVENTS, RunWriter, run_writer

SAME = b"42"


def mixed(number: int, layout: str, *, chain: int = 1, ends_pass: str | None = None) -> EventPage:
    """A page whose records are the characters: ``*`` is a rejected one of always the same bytes, others are ids."""
    dead = [RejectedEvent(place, "not_an_object", SAME) for place, sign in enumerate(layout) if sign == "*"]
    ids = [sign for sign in layout if sign != "*"]
    return page(number, ids, rejected=dead, chain=chain, ends_pass=ends_pass)


def kept(url: str, raw: bytes = SAME) -> int:
    return int(value(url, "SELECT count(*) FROM rejected_events WHERE raw = %s", (raw,)))


@pytest.mark.parametrize(
    ("pages", "count"),
    [
        (["ab*c", "*cde"], 1),
        (["a**b", "**bc*"], 3),
        (["ab", "b*c"], 1),
        (["a*b", "c*d", "a*b", "c*d", "a*b", "e*f"], 3),
        (["a*b", "b*a"], 2),
        # Whether these are one or two no one knows.
        (["ab*", "*cd"], 2),
        (["**", "**"], 4),
    ],
    ids=["shifted", "shifted by more", "from a page without", "in turns", "another order", "no id between", "no ids"],
)
@pytest.mark.parametrize("together", [True, False], ids=["one batch", "a batch each"])
def test_what_a_page_repeats_of_the_chain_is_not_counted_again(
    database_url: str, pages: list[str], count: int, together: bool
) -> None:
    made = [mixed(number, layout) for number, layout in enumerate(pages, 1)]
    with run_writer(database_url) as run:
        if together:
            run.write(*made)
        else:
            for each in made:
                run.write(each)
    assert kept(database_url) == count == value(database_url, "SELECT total_rejected FROM ingestion_state")


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "a batch each"])
def test_a_chain_that_begins_anew_finds_them_known_and_goes_on_counting(database_url: str, together: bool) -> None:
    pages = [mixed(1, "*a*b"), mixed(2, "*c*"), mixed(3, "**a*b", chain=2), mixed(4, "*c*d*", chain=2)]
    with run_writer(database_url) as run:
        if together:
            run.write(*pages)
        else:
            for each in pages:
                run.write(each)
    assert kept(database_url) == 6


def share_page(number: int) -> EventPage:
    dead = [RejectedEvent(place, "not_an_object", SAME) for place in range(101)]
    return page(number, [f"e{n}" for n in range(900)], rejected=dead, ends_pass="last_page", expected_total=1002)


def test_a_last_page_that_is_read_again_for_its_verdict_adds_nothing(database_url: str) -> None:
    with run_writer(database_url, rejected_max_percent=5) as run:
        run.write(mixed(1, "*"))
        assert run.write(share_page(2)).run_status is None
    with run_writer(database_url) as run:
        assert run.run.resume.cursor == "cursor-1"
        again = dataclasses.replace(share_page(1), cursor="cursor-1")
        assert run.write(again).run_status == "complete"
    assert kept(database_url) == 102


def test_a_time_stands_for_no_place_in_a_pass_that_counts(database_url: str) -> None:
    with run_writer(database_url) as run, connected(database_url) as connection:
        run.write(page(1, ["a", "b"], rejected=[dead_letter(2, "id_nul", b'{"id":"c","n":"\\u0000"}')]))
        assert read_pass_depth(connection, EVENTS).oldest_ms is not None
        run.write(mixed(2, "d*"))
        assert read_pass_depth(connection, EVENTS).oldest_ms is None


def test_a_page_of_records_without_ids_is_no_known_ground(database_url: str) -> None:
    with run_writer(database_url) as run:
        run.write(mixed(1, "***ab", ends_pass="last_page"))
    with run_writer(database_url) as run:
        before = run.run.resume.known_before
        assert not is_known_entirely(run.connection, EVENTS, mixed(9, "**"), before)
        assert is_known_entirely(run.connection, EVENTS, mixed(9, "**b"), before)


@pytest.mark.parametrize("more", [',"n":1e400000', ',"n":"\\u0000"'], ids=["refused by PostgreSQL", "unusable"])
def test_a_dead_letter_with_an_id_is_known_ground_as_an_event_is(database_url: str, more: str) -> None:
    feed = HeadFeed(database_url, "events", limit=4)
    named = [b'{"id":"event-%d"%b}' % (number, more.encode()) for number in range(4)]
    feed.records = [SAME, SAME, named[0], SAME, SAME, SAME, named[1], SAME, named[2]]
    for growing in ([], [SAME], [named[3], SAME], []):
        feed.records[:0] = growing
        feed.sync()
        assert kept(database_url) == feed.records.count(SAME)
    feed.requests = 0
    feed.sync()
    assert feed.requests == 1


def filtered(number: int, layout: str, *, ends_pass: str | None = "last_page") -> EventPage:
    """A page of which an item pipeline has left some events out."""
    return dataclasses.replace(mixed(number, layout, ends_pass=ends_pass), received_events=9)


@pytest.mark.parametrize(
    "passes",
    [[["*a*b*"], ["*a*b*"], ["n*a*b*"], ["n*a*b*"]], [["ab", "*c**"], ["nb*c*"], ["nb*c*"]]],
    ids=["at the head", "below"],
)
def test_where_an_item_pipeline_has_hidden_the_order_nothing_is_doubled(
    database_url: str, passes: list[list[str]]
) -> None:
    for layouts in passes:
        with run_writer(database_url) as run:
            for number, layout in enumerate(layouts, 1):
                run.write(filtered(number, layout, ends_pass="last_page" if number == len(layouts) else None))
        assert kept(database_url) == 3


def forget_the_counting(url: str) -> None:
    """Leaves the dead letters as the version before did, with nothing of any chain."""
    execute_outside(
        url,
        "UPDATE rejected_events SET seen_pass = NULL, seen_walk = NULL, seen = NULL, seen_at_head = NULL,"
        " seen_before = NULL; UPDATE ingestion_state SET counted_from_pass = pass_number + 1,"
        " named_walk = 0, known_walk = 0, total_rejected = (SELECT count(*) FROM rejected_events)",
    )


def test_the_first_full_pass_after_an_upgrade_finds_what_is_missing(database_url: str) -> None:
    feed = HeadFeed(database_url, "events", limit=2)
    feed.reports_total = True
    feed.records = [SAME, feed.named(), SAME, feed.named(), SAME]
    feed.sync()
    # No page has two of them.
    execute_outside(database_url, "DELETE FROM rejected_events WHERE twin > 1")
    forget_the_counting(database_url)
    execute_outside(database_url, "UPDATE ingestion_state SET pass_status = 'short'")
    assert feed.sync() == "complete"
    assert kept(database_url) == 3 == feed.total_rejected()


@pytest.mark.parametrize("layout", ["**a*b", "a*b*"])
def test_incremental_syncs_after_an_upgrade_double_nothing_and_are_exact_from_the_second_on(
    database_url: str, layout: str
) -> None:
    feed = HeadFeed(database_url, "events", limit=9)
    feed.records = [SAME if sign == "*" else feed.named() for sign in layout]
    feed.sync()
    forget_the_counting(database_url)
    feed.sync()
    first = kept(database_url)
    assert first == feed.records.count(SAME)
    for count in (1, 2, 3):
        feed.records[:0] = [SAME] if count % 2 else [SAME, feed.named()]
        feed.sync()
        assert kept(database_url) - first == count


def test_a_pass_that_is_open_at_an_upgrade_doubles_nothing(database_url: str) -> None:
    with run_writer(database_url) as run:
        run.write(mixed(1, "*a*b"))
    forget_the_counting(database_url)
    with run_writer(database_url) as run:
        run.write(dataclasses.replace(mixed(1, "*c*", ends_pass="last_page"), cursor="cursor-1"))
    assert kept(database_url) <= 4
    execute_outside(database_url, "UPDATE ingestion_state SET pass_status = 'short'")
    with run_writer(database_url) as run:
        run.write(mixed(1, "*a*b"))
        run.write(mixed(2, "*c*", ends_pass="last_page"))
    assert kept(database_url) == 4


def test_the_migration_counts_from_the_next_pass_on(empty_database_url: str) -> None:
    migrations = load_migrations()
    number = next(each.version for each in migrations if each.name == "seen_letters")
    with connected(empty_database_url) as connection:
        migrate(connection, migrations[: number - 1])
        execute_outside(empty_database_url, "UPDATE ingestion_state SET pass_number = 6, pass_status = 'open'")
        migrate(connection)
    assert rows(empty_database_url, "SELECT counted_from_pass FROM ingestion_state") == [(7,)]


def test_ids_of_dead_letters_keep_one_for_each_page(database_url: str) -> None:
    bad = Event("x", None, b'{"id":"x","n":1e400000}')
    entry = dead_letter(1, "id_nul", b'{"id":"y","n":"\\u0000"}')

    def write(run: RunWriter, number: int) -> None:
        run.write(page(number, [event(f"a{number}"), bad], rejected=[entry]))

    with run_writer(database_url) as run:
        write(run, 1)
        write(run, 2)
    assert rows(database_url, "SELECT count(*), max(twin) FROM rejected_events") == [(2, 1)]
