"""One thing that was looked at, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct


class Level(StrEnum):
    """``PROBLEM``: a crawl would fail, or break its promise. ``WARNING``: it would work, but worse than it could."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class Finding(Struct, frozen=True):
    """``remedy`` is given exactly where something is amiss."""

    part: str
    level: Level
    text: str
    remedy: str | None = None


def fine(part: str, text: str) -> Finding:
    """It is as it should be."""
    return Finding(part, Level.OK, text)


def warning(part: str, text: str, remedy: str) -> Finding:
    """A crawl would work, but worse than it could."""
    return Finding(part, Level.WARNING, text, remedy)


def problem(part: str, text: str, remedy: str) -> Finding:
    """A crawl would fail, or break its promise."""
    return Finding(part, Level.PROBLEM, text, remedy)


def has_problems(findings: Iterable[Finding]) -> bool:
    """Whether a crawl should not be started."""
    return any(finding.level is Level.PROBLEM for finding in findings)
