"""What all cases share: the server, the prepared rows, how often and how large.

Invariant: a case's subjects take turns, and each round begins with another one, so that a machine that grows slower or
faster meanwhile is no one's advantage.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.limits.rows import prepare_rows
from bench.server import Server

COPIES_AT_ONCE = 2


@dataclass(slots=True)
class Bench:
    """One run of the benchmark."""

    server: Server
    rounds: int
    quick: bool
    profiles: Path | None = None
    _rows: dict[int, list[Path]] = field(default_factory=dict)

    def size(self, whole: int, quick: int) -> int:
        """Of a feed, or of whatever else makes a case long."""
        return quick if self.quick else whole

    def rows(self, total: int) -> list[Path]:
        """The feed of this size as files for ``COPY``, made once."""
        if total not in self._rows:
            say(f"preparing {total:,} rows")
            self._rows[total] = prepare_rows(self.server.directory / f"rows-{total}", total, COPIES_AT_ONCE)
        return self._rows[total]

    def flame_graphs(self, name: str) -> list[Path]:
        """Where to leave a profile of one more crawl of this case, which is not measured; empty without --profile."""
        return [] if self.profiles is None else [self.profiles / f"{name}.svg"]

    def take_turns(self, subjects: Mapping[str, Callable[[], str]], rounds: int | None = None) -> None:
        """Runs every subject once a round; each returns what it found, for the progress on standard error."""
        names = list(subjects)
        rounds = self.rounds if rounds is None else rounds
        for number in range(rounds):
            shift = number % len(names)
            for name in names[shift:] + names[:shift]:
                found = subjects[name]()
                say(f"round {number + 1} of {rounds}: {name}: {found}")


def say(text: str) -> None:
    """Progress, apart from the results."""
    print(f"  {text}", file=sys.stderr, flush=True)
