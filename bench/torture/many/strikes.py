"""What is done to the processes and to the database, and how often beside the others."""

from __future__ import annotations

import random
import time

from bench.torture.proxy import Betrayal, Direction
from bench.torture.world import Database

OF_PROCESSES = {"kill": 30, "signal": 12, "freeze": 8}
OF_THE_DATABASE = {
    "power loss": 10,
    "terminate": 10,
    "cut": 6,
    "reset": 6,
    "halve": 6,
    "betray": 6,
    "stall": 6,
}
STRIKES = {**OF_PROCESSES, **OF_THE_DATABASE}
PLACES = (
    *("run_opened", "before_fetch", "after_fetch", "waiting", "split", "mid_copy", "before_checkpoint"),
    *("before_commit", "after_commit", "before_finish"),
)
"""Where a process may crash."""
_DIRECTIONS: list[list[Direction]] = [[Direction.OUT], [Direction.IN], [Direction.OUT, Direction.IN]]


def strike_database(database: Database, chance: random.Random, name: str) -> int:
    """It meets all processes. Gives how many connections the proxy has cut."""
    match name:
        case "power loss":
            database.lose_power()
            time.sleep(chance.uniform(0.0, 2.0))
            database.come_back()
        case "terminate":
            database.terminate_backends()
        case "cut" | "reset":
            return database.proxy.cut(with_reset=name == "reset")
        case "halve":
            return database.proxy.halve()
        case "betray":
            database.proxy.betray(b"COMMIT\0", chance.choice(list(Betrayal)))
            return int(database.proxy.sprung.wait(1.0))
        case "stall":
            database.proxy.stall(*chance.choice(_DIRECTIONS))
            time.sleep(chance.uniform(0.2, 2.0))
            database.proxy.flow()
    return 0
