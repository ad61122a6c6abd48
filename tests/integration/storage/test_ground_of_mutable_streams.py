"""An incremental pass over a mutable stream ends where versions are known, not where ids are."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from datasync_spider.items import EventPage
from datasync_spider.records.event import RejectedEvent
from datasync_spider.storage.connection import connected
from datasync_spider.storage.known import is_known_entirely
from datasync_spider.storage.registry import StreamSpec
from tests.support.database import value
from tests.support.headfeed import HeadFeed
from tests.support.pages import event, page
from tests.support.runs import run_writer, slice_of
from tests.support.sources import stream_spec
from tests.support.versions import MUTABLE, history, stored, version

LATER = datetime(2999, 1, 1, tzinfo=UTC)


def is_known(url: str, asked: EventPage, before: datetime = LATER) -> bool:
    with run_writer(url, MUTABLE) as run:
        return is_known_entirely(run.connection, run.run.slice, asked, before)


@pytest.mark.parametrize(
    ("served", "known"),
    [
        (["x=2", "y=1"], True),
        # A replica that lags behind; what is stored has been seen after this.
        (["x=1"], True),
        (["x=3"], False),
        (["x=2", "z=1"], False),
        (["x=2", "x=3"], False),
        (["x=1", "x=2"], True),
    ],
)
def test_a_page_is_known_by_the_versions_of_its_records(database_url: str, served: list[str], known: bool) -> None:
    with run_writer(database_url, MUTABLE) as run:
        run.write(page(1, [version("x", 1), version("y", 1)]), page(2, [version("x", 2)]))
    records = [version(name, number) for name, number in (each.split("=") for each in served)]
    assert is_known(database_url, page(1, records)) is known


def test_a_version_that_this_pass_has_stored_is_no_known_ground(database_url: str) -> None:
    with run_writer(database_url, MUTABLE) as run:
        run.write(page(1, [version("x", 1), version("y", 1)]))
    before = value(database_url, "SELECT now()")
    assert is_known(database_url, page(1, [version("x", 1)]), before)
    with run_writer(database_url, MUTABLE) as run:
        run.write(page(1, [version("x", 2), version("y", 1)]))
    assert not is_known(database_url, page(1, [version("x", 2)]), before)
    assert not is_known(database_url, page(1, [version("x", 1)]), before)
    assert is_known(database_url, page(1, [version("y", 1)]), before)


def test_a_version_that_postgresql_refuses_is_known_by_its_bytes(database_url: str) -> None:
    refused, other = (event("x", None, b'{"v":%d,"n":1e400000}' % number) for number in (2, 3))
    with run_writer(database_url, MUTABLE) as run:
        run.write(page(1, [version("x", 1), refused, version("y", 1)]))
    assert is_known(database_url, page(1, [version("y", 1), refused]))
    assert not is_known(database_url, page(1, [version("y", 1), other]))
    dead = [RejectedEvent(0, "no_id", b"{}")]
    assert not is_known(database_url, page(1, [version("y", 1)], rejected=dead))
    assert not is_known(database_url, page(1, [], rejected=dead))


class UpdatedFeed(HeadFeed):
    """A record that is new or updated stands at the head, and nowhere else."""

    def __init__(self, url: str) -> None:
        super().__init__(url, MUTABLE.name)
        self.spec: StreamSpec = MUTABLE
        self.current: dict[str, int] = {}
        self.served_versions: set[tuple[str, str]] = set()

    def update(self, event_id: str) -> None:
        was = self.current.get(event_id)
        if was is not None:
            self.records.remove(version(event_id, was).payload)
        self.current[event_id] = (was or 0) + 1
        self.records.insert(0, version(event_id, self.current[event_id]).payload)

    def _page(self, number: int, chain: int, cursor: str | None) -> EventPage:
        made = super()._page(number, chain, cursor)
        self.served_versions |= {(one.event_id, one.payload.split(b":")[-1][:-1].decode()) for one in made.events}
        return made


def test_an_incremental_pass_reads_all_updates_and_no_page_more(database_url: str) -> None:
    feed = UpdatedFeed(database_url)
    for n in range(60):
        feed.update(f"e{n}")
    assert feed.sync() == "complete"
    for n in range(25):
        feed.update(f"e{n}")
    feed.requests = 0
    assert feed.sync() == "complete"
    # Two pages of updates, one that has some, one that is known.
    assert feed.requests == 4
    assert stored(database_url) == {name: str(number) for name, number in feed.current.items()}
    feed.requests = 0
    assert feed.sync() == "complete"
    assert feed.requests == 1


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_updated_and_whatever_crashes_the_last_sync_leaves_the_feed_as_it_is(
    database_url: str, seed: int
) -> None:
    chance = random.Random(seed)
    feed = UpdatedFeed(database_url)
    for n in range(70):
        feed.update(f"e{n}")
    feed.sync()
    seen = set(stored(database_url).items())

    def update_some() -> None:
        while chance.random() < 0.3:
            feed.update(f"e{chance.randint(0, 75)}")

    for _ in range(6):
        for _ in range(chance.randint(0, 45)):
            feed.update(f"e{chance.randint(0, 75)}")
        feed.before_request = update_some
        feed.sync(chance, trouble=0.15)
        feed.before_request = lambda: None
        feed.sync(chance, trouble=0.15)
        current = {(name, str(number)) for name, number in feed.current.items()}
        assert set(stored(database_url).items()) == current
        kept = history(database_url)
        # Not all that was served: a crash may take a page whose records are updated before it is read again.
        assert seen - current <= set(kept) <= feed.served_versions - current
        assert set(kept.values()) <= {1}
        seen |= current


def test_a_slice_has_no_known_ground_from_another_one(database_url: str) -> None:
    a = stream_spec("things", '{"s":1}', is_mutable=True, version=("v",))
    b = stream_spec("things", '{"s":2}', is_mutable=True, version=("v",))
    with run_writer(database_url, a) as run:
        run.write(page(1, [version("x", 1)]))
        assert is_known_entirely(run.connection, run.run.slice, page(1, [version("x", 1)]), LATER)
    with run_writer(database_url, b) as run:
        assert not is_known_entirely(run.connection, run.run.slice, page(1, [version("x", 1)]), LATER)
    # One that is looked up without a word of versions goes by ids.
    with connected(database_url) as connection:
        assert is_known_entirely(
            connection, slice_of(database_url, "things", a.slice), page(1, [version("x", 9)]), LATER
        )
