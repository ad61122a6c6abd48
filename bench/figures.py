"""What a benchmark finds, as values: samples, their median and spread, and whether a target is passed. Pure.

Invariant: a figure keeps every sample that was taken, in the order of the rounds; a median is never stored without
what it was made from. How it is shown, saved or compared does not belong here.
"""

from __future__ import annotations

from statistics import median
from typing import Literal

import msgspec


class Figure(msgspec.Struct, kw_only=True):
    """One quantity of one case, a sample a round.

    ``ratios`` are to the limit that was measured in the same round. ``target`` is a bound for the ratio where there are
    ratios, else for the samples; None: nothing is asked of this figure.
    """

    what: str
    unit: str
    samples: list[float] = []
    ratios: list[float] = []
    target: float | None = None
    at_least: bool = True
    cpu_seconds: list[float] = []
    peak_mb: list[float] = []

    @property
    def median(self) -> float:
        return median(self.samples)

    @property
    def spread(self) -> float:
        return spread(self.samples)

    @property
    def ratio(self) -> float | None:
        return median(self.ratios) if self.ratios else None

    @property
    def passed(self) -> bool | None:
        """None where nothing is asked."""
        if self.target is None:
            return None
        judged = median(self.ratios or self.samples)
        return judged >= self.target if self.at_least else judged <= self.target


class CaseFound(msgspec.Struct, kw_only=True):
    """All figures of a case. ``cpu_seconds`` of a figure are of one process, for ``events`` events."""

    name: str
    title: str
    rounds: int
    events: int
    figures: list[Figure]
    notes: list[str] = []


class Machine(msgspec.Struct, kw_only=True):
    """Where and with what it was measured."""

    cpu: str
    cores: int
    memory_gb: float
    system: str
    load_before: float
    versions: dict[str, str]


class Report(msgspec.Struct, kw_only=True):
    """One run of the benchmark; ``kind`` names the command that took it."""

    kind: Literal["cases", "sources", "peers", "growth", "slices"]
    taken_at: str
    command: str
    commit: str
    machine: Machine
    cases: list[CaseFound] = []


def ratios(samples: list[float], limits: list[float]) -> list[float]:
    """Round by round."""
    return [sample / limit for sample, limit in zip(samples, limits, strict=True)]


def spread(samples: list[float]) -> float:
    """From the least to the greatest, as a share of the median; 0.0 for one sample."""
    middle = median(samples)
    return (max(samples) - min(samples)) / middle if middle else 0.0
