"""Decides which faults befall a request.

The invariant: with equal rules, seed and requests in an equal order, equal faults; a rule with a count is used up only
by requests that it can befall. Deterministic, without a clock or a shared random generator, so that adding one rule
does not shift the decisions of another.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from mock_api.faults import DELAY, PAGE, Fault, Rule


@dataclass(slots=True)
class _Installed:
    rule: Rule
    seen: int = 0
    fired: int = 0


class FaultPlan:
    """The rules in force."""

    def __init__(self, seed: int, rules: Sequence[Rule] = ()) -> None:
        self._seed = seed
        self._installed = [_Installed(rule) for rule in rules]

    def install(self, rules: Sequence[Rule]) -> None:
        """Add rules; they count requests from now on."""
        self._installed += [_Installed(rule) for rule in rules]

    def clear(self) -> None:
        """Drop all rules."""
        self._installed = []

    def rules(self) -> list[Rule]:
        """The rules in force, without those that are used up."""
        return [installed.rule for installed in self._installed if not _used_up(installed)]

    def pick(self, endpoint: str, *, cursor: str | None = None, previous_cursor: str | None = None) -> list[Fault]:
        """The faults for one request: any number of delays and page faults, but one of the other places."""
        faults: list[Fault] = []
        decided = False
        for installed in self._installed:
            rule = installed.rule
            if rule.endpoint != endpoint:
                continue
            installed.seen += 1
            exclusive = rule.fault.place not in (DELAY, PAGE)
            if (exclusive and decided) or _impossible(rule.fault.name, cursor, previous_cursor):
                continue
            if not self._fires(installed):
                continue
            installed.fired += 1
            decided = decided or exclusive
            faults.append(rule.fault)
        return faults

    def _fires(self, installed: _Installed) -> bool:
        rule = installed.rule
        if rule.count is not None:
            return installed.fired < rule.count
        if rule.rate is not None:
            text = f"{self._seed}:{rule.fault.name}:{rule.endpoint}:{installed.seen}"
            drawn = int.from_bytes(blake2b(text.encode(), digest_size=6).digest(), "big")
            return drawn < rule.rate * 2**48
        return installed.seen in rule.requests


def _impossible(name: str, cursor: str | None, previous_cursor: str | None) -> bool:
    if name in ("expired_cursor", "repeated_cursor"):
        return cursor is None
    # A loop of two needs an earlier cursor that is not this one.
    return name == "cursor_loop" and previous_cursor in (None, cursor)


def _used_up(installed: _Installed) -> bool:
    rule = installed.rule
    if rule.count is not None:
        return installed.fired >= rule.count
    return bool(rule.requests) and installed.seen >= max(rule.requests)
