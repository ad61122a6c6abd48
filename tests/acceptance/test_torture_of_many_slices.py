"""The torture of many slices by itself: a game that is too short to find much, and goes its whole way."""

from __future__ import annotations

import random
from pathlib import Path

from bench.torture.many.game import ManyGame
from bench.torture.many.world import World
from bench.torture.world import Database


def test_a_short_game_kills_goes_on_and_compares_each_slice_with_its_feed(tmp_path: Path) -> None:
    database = Database()
    try:
        world = World(database, tmp_path, seed=1, slices=6, every=2)
        try:
            tally = ManyGame(world, random.Random(1), 0.15, 2, {"kill": 1}).play()
            # It would notice: what is served from now on was never synced.
            world.grow(dict.fromkeys(world.feeds, (1, 0)))
            missed = [finding for finding in world.judge().wrong if "lost" in finding]
        finally:
            world.close()
    finally:
        database.close()
    assert tally.wrong == []
    assert tally.kills >= 1
    assert tally.last_syncs[-2:] == [0, 0]
    assert tally.events == tally.stored + tally.rejected > 0
    assert len(missed) >= len(world.feeds)
