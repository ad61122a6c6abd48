"""Spans of time and counts as people say them. Pure."""

from __future__ import annotations

from itertools import pairwise

_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def span(seconds: float) -> str:
    """A span of time in its two largest units, such as ``41 seconds`` or ``1 hour 5 minutes``; never negative."""
    whole = max(0, int(seconds))
    for (name, size), (smaller, smaller_size) in pairwise(_UNITS):
        if whole >= size:
            rest = whole % size // smaller_size
            return counted(whole // size, name) + (f" {counted(rest, smaller)}" if rest else "")
    return counted(whole, "second")


def counted(count: int, noun: str) -> str:
    """``1 page``, ``1,200 pages``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
