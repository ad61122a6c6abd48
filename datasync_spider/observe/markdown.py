"""Tables of Markdown, made and put in the place of those that stand under a heading. Pure.

Invariant: all else of the page stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Its lines."""
    lines = [head, *rows]
    return [_row(lines[0]), "|" + "---|" * len(head), *map(_row, lines[1:])]


def with_table(page: str, heading: str, made: Sequence[str]) -> str:
    """The page with the first table under the heading, at any level, replaced."""
    lines = page.split("\n")
    at = next(n for n, line in enumerate(lines) if line.lstrip("#") == f" {heading}")
    first = next(n for n in range(at, len(lines)) if lines[n].startswith("|"))
    end = next((n for n in range(first, len(lines)) if not lines[n].startswith("|")), len(lines))
    return "\n".join([*lines[:first], *made, *lines[end:]])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |".replace("|  |", "| |")
