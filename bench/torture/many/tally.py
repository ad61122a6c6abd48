"""What was injected into a game of many slices, and what came of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

_STRIKES_NAMED = 4


@dataclass(slots=True)
class Tally:
    """``struck``: when, by the monotonic clock, and what. ``wrong``: what was found, and must not be.

    ``unheard``: requests that came too early after a refusal which died with the one who was struck as it heard it.
    """

    injected: Counter[str] = field(default_factory=Counter)
    struck: list[tuple[float, str]] = field(default_factory=list)
    exit_codes: Counter[int] = field(default_factory=Counter)
    grown: int = 0
    changed: int = 0
    runs: dict[str, int] = field(default_factory=dict)
    totals: int = 0
    events: int = 0
    stored: int = 0
    rejected: int = 0
    requests: dict[str, dict[str, int]] = field(default_factory=dict)
    unheard: int = 0
    slowest_stop: float = 0.0
    last_syncs: list[int] = field(default_factory=list)
    lateness: str = "not looked at"
    memory: str = "not looked at"
    wrong: list[str] = field(default_factory=list)

    @property
    def kills(self) -> int:
        return self.injected["kill"] + self.injected["crash at a named place"]

    def was_struck(self, since: float, until: float) -> bool:
        return any(since <= at <= until for at, _ in self.struck)

    def struck_before(self, moment: float) -> str:
        """The last ones, as words, with how long before."""
        before = [f"{name} {moment - at:.1f} s" for at, name in self.struck if at < moment]
        return ", ".join(before[-_STRIKES_NAMED:]) or "nothing"
