"""A report as a table for people, on a terminal or in Markdown. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from bench.figures import CaseFound, Figure, Report

_HEADINGS = ("case", "what", "median", "spread", "ratio", "target", "passed", "CPU s", "peak MB")
# Words to the left, numbers to the right.
_WORDS = 2


def text_table(report: Report) -> str:
    """Aligned columns."""
    return align([_HEADINGS, *_rows(report)])


def markdown_table(report: Report) -> str:
    """The same cells between bars."""
    bars = tuple("---" if column < _WORDS else "---:" for column in range(len(_HEADINGS)))
    return "\n".join("| " + " | ".join(row) + " |" for row in (_HEADINGS, bars, *_rows(report)))


def wide_text_table(report: Report) -> str:
    """A column a case, where all have about the same figures."""
    return align(_wide_rows(report), words=1)


def wide_markdown_table(report: Report) -> str:
    """The same between bars."""
    rows = _wide_rows(report)
    bars = ("---", *("---:" for _ in report.cases))
    return "\n".join("| " + " | ".join(row) + " |" for row in (rows[0], bars, *rows[1:]))


def _wide_rows(report: Report) -> list[tuple[str, ...]]:
    by_case = [{figure.what: figure for figure in case.figures} for case in report.cases]
    whats = list(dict.fromkeys(figure.what for case in report.cases for figure in case.figures))
    cells = [
        (what, *(f"{number(of[what].median)} {of[what].unit}".strip() if what in of else "" for of in by_case))
        for what in whats
    ]
    return [("", *(case.name for case in report.cases)), *cells]


def align(rows: Sequence[tuple[str, ...]], words: int = _WORDS) -> str:
    """The first row is the heading. ``words``: so many columns are none of numbers."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if column < words else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def _rows(report: Report) -> list[tuple[str, ...]]:
    return [_row(case, figure, first=not index) for case in report.cases for index, figure in enumerate(case.figures)]


def _row(case: CaseFound, figure: Figure, *, first: bool) -> tuple[str, ...]:
    ratio = figure.ratio
    return (
        case.name if first else "",
        figure.what,
        f"{number(figure.median)} {figure.unit}".strip(),
        f"{figure.spread:.0%}" if len(figure.samples) > 1 else "",
        "" if ratio is None else f"{ratio:.2f}",
        "" if figure.target is None else f"{'≥' if figure.at_least else '≤'} {number(figure.target)}",
        {None: "", True: "yes", False: "no"}[figure.passed],
        f"{median(figure.cpu_seconds):.2f}" if figure.cpu_seconds else "",
        f"{median(figure.peak_mb):.0f}" if figure.peak_mb else "",
    )


def number(value: float) -> str:
    """Three digits that count, thousands apart."""
    magnitude = abs(value)
    if magnitude >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if magnitude >= 10 else f"{value:.2f}"
