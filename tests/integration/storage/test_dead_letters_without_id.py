"""Records without an id are distinguished by their number: as many are kept as the feed holds, whatever crashes."""

from __future__ import annotations

import random

import pytest

from tests.support.headfeed import HeadFeed

BYTES = {"a": b"42", "b": b"null", "c": b"{}", "d": b'"x"', "e": b'{"type":"click"}', "f": b'{"id":""}'}


def grow(feed: HeadFeed, layout: str) -> None:
    """One record a character: a dot is a new event, a dead letter a rejected record of bytes of its own."""
    feed.records[:0] = [BYTES[sign] if sign in BYTES else feed.named() for sign in layout if sign != " "]


FEEDS = (
    ".aaaa.aa.. aaaaaa.... .aaaa.....",
    ".......... aaaaaaaaaa ..........",
    "aaaaaaaaaa .......... ....",
    "aaaaaaaaaa aaaaaaaaaa aaaaaaaaaa",
    "abcdeabcde eeeeeddddd cfcfcfcfcf",
    ".ab.ab.ab. cdeffedcba .a.b.c.d.e",
    ".......... .......aaa aaaaaaa",
    "a.a.a",
)


@pytest.mark.parametrize("reports_total", [True, False], ids=["total", "no total"])
def test_as_many_are_kept_as_are_served_and_further_syncs_add_nothing(database_url: str, reports_total: bool) -> None:
    for number, layout in enumerate(FEEDS):
        feed = HeadFeed(database_url, f"feed-{number}")
        feed.reports_total = reports_total
        grow(feed, layout)
        for _ in range(3):
            assert feed.sync() == "complete", layout
            assert feed.kept() == feed.served(), layout
            assert feed.total_rejected() == feed.served().total(), layout


GROWTHS = ("aa", ".aa", "aa.", "aaaaaaaaaa", "aaaaaaaaaaaaaa", "a.aa.a.", ".bb.", ".......... aa")


@pytest.mark.parametrize("layout", [".aaa.aa... aaaa.... .a", "aa.aaa.... aaaa...", "aaaaaa", ".........."])
def test_an_incremental_sync_keeps_new_ones_of_known_bytes(database_url: str, layout: str) -> None:
    for number, growth in enumerate(GROWTHS):
        feed = HeadFeed(database_url, f"feed-{number}")
        grow(feed, layout)
        feed.sync()
        for growing in (growth, "", "a"):
            grow(feed, growing)
            assert feed.sync() == "complete"
            assert feed.kept() == feed.served(), (growth, growing)


def test_a_sync_of_nothing_new_asks_for_one_page(database_url: str) -> None:
    feed = HeadFeed(database_url, "events")
    grow(feed, "aaa.aaa.aa .aaaaaaaaa aaa.aa")
    feed.sync()
    feed.requests = 0
    feed.sync()
    assert feed.requests == 1


def play(url: str, seed: int) -> None:
    """A feed that grows while it is read, runs that crash, cursors that expire; compared after each sync."""
    chance = random.Random(seed)
    kinds = "abe"[: chance.randint(1, 3)]
    share = chance.choice([0.2, 0.5, 0.9, 1.0])
    feed = HeadFeed(url, f"feed-{seed}", limit=chance.randint(1, 6))
    feed.reports_total = chance.random() < 0.5

    def grow_some(most: int) -> None:
        signs = (chance.choice(kinds) if chance.random() < share else "." for _ in range(chance.randint(0, most)))
        grow(feed, "".join(signs))

    grow_some(30)
    for _ in range(4):
        feed.before_request = lambda: grow_some(3) if chance.random() < 0.1 else None
        feed.sync(chance, trouble=0.12)
        feed.before_request = lambda: None
        assert not feed.kept() - feed.served(), seed
        while feed.sync(chance, trouble=0.08) != "complete":
            pass
        assert feed.kept() == feed.served(), seed
        assert feed.total_rejected() == feed.kept().total(), seed
        grow_some(8)


@pytest.mark.parametrize("seed", range(0, 4, 2))
def test_random_feeds_that_grow_crash_and_lose_their_cursors_are_kept_exactly(database_url: str, seed: int) -> None:
    for each in range(seed, seed + 2):
        play(database_url, each)
