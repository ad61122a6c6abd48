"""A report as a table for people, on a terminal or in Markdown. Pure."""

from __future__ import annotations

from bench.figures import CaseFound, Figure, Report

_HEADINGS = ("case", "what", "median", "spread", "ratio", "reach", "met", "CPU s", "peak MB")


def text_table(report: Report) -> str:
    """Aligned columns."""
    rows = [_HEADINGS, *_rows(report)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    lines = ["  ".join(_aligned(cell, widths[i], i) for i, cell in enumerate(row)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def markdown_table(report: Report) -> str:
    """The same cells between bars."""
    bars = ["---" if column < 2 else "---:" for column in range(len(_HEADINGS))]
    cells = [_HEADINGS, tuple(bars), *_rows(report)]
    return "\n".join("| " + " | ".join(row) + " |" for row in cells)


def _rows(report: Report) -> list[tuple[str, ...]]:
    return [_row(case, figure, first=not index) for case in report.cases for index, figure in enumerate(case.figures)]


def _row(case: CaseFound, figure: Figure, *, first: bool) -> tuple[str, ...]:
    ratio = figure.ratio
    return (
        case.name if first else "",
        figure.what,
        f"{number(figure.median)} {figure.unit}".strip(),
        f"{figure.spread:.0%}",
        "" if ratio is None else f"{ratio:.2f}",
        _reach(figure),
        {None: "", True: "yes", False: "NO"}[figure.is_met],
        _median_of(figure.cpu_seconds, ".2f"),
        _median_of(figure.peak_mb, ".0f"),
    )


def _reach(figure: Figure) -> str:
    if figure.reach is None:
        return ""
    return f"{'≥' if figure.at_least else '≤'} {number(figure.reach)}"


def _median_of(samples: list[float], form: str) -> str:
    return format(Figure(what="", unit="", samples=samples).median, form) if samples else ""


def number(value: float) -> str:
    """Three digits that count, thousands apart."""
    magnitude = abs(value)
    if magnitude >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if magnitude >= 10 else f"{value:.2f}"


def _aligned(cell: str, width: int, column: int) -> str:
    return cell.ljust(width) if column < 2 else cell.rjust(width)
