"""The plot of ``python -m bench growth``: three panels over the number of events, as SVG. Pure.

Invariant: every panel's scale begins at zero, so that a height is an amount; the axis of events is logarithmic.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from xml.sax.saxutils import escape

from bench.figures import CaseFound, Report

_WIDTH, _PANEL_HEIGHT, _LEFT, _RIGHT, _TOP, _GAP = 720, 150, 70, 24, 34, 44
_STEPS = 4


@dataclass(frozen=True, slots=True)
class _Panel:
    title: str
    value: Callable[[CaseFound], float]


_PANELS = (
    _Panel("events per second", lambda case: case.figures[0].samples[0]),
    _Panel(
        "CPU seconds of our process per million events", lambda case: case.figures[0].cpu_seconds[0] / case.events * 1e6
    ),
    _Panel("peak memory of our process, MB", lambda case: case.figures[0].peak_mb[0]),
)


def plot(report: Report) -> str:
    """The figure's text; readable on light and dark grounds."""
    height = _TOP + len(_PANELS) * (_PANEL_HEIGHT + _GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}">',
        "<style>text { font: 12px sans-serif }</style>",
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
    ]
    for index, panel in enumerate(_PANELS):
        parts += _draw(panel, report.cases, _TOP + index * (_PANEL_HEIGHT + _GAP))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _draw(panel: _Panel, cases: list[CaseFound], top: int) -> list[str]:
    values = [panel.value(case) for case in cases]
    ceiling = nice_ceiling(max(values))
    bottom = top + _PANEL_HEIGHT
    parts = [f'<text x="{_LEFT}" y="{top - 10}" font-weight="bold">{escape(panel.title)}</text>']
    for step in range(_STEPS + 1):
        y = bottom - _PANEL_HEIGHT * step / _STEPS
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{ceiling * step / _STEPS:,g}</text>')
    points = [
        (_x(case.events, cases), bottom - _PANEL_HEIGHT * value / ceiling)
        for case, value in zip(cases, values, strict=True)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    parts.append(f'<polyline points="{line}" fill="none" stroke="#1f6feb" stroke-width="2"/>')
    for (x, y), case in zip(points, cases, strict=True):
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="#1f6feb"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{_short(case.events)}</text>')
    return parts


def _x(events: int, cases: list[CaseFound]) -> float:
    first, last = math.log10(cases[0].events), math.log10(cases[-1].events)
    share = (math.log10(events) - first) / (last - first) if last > first else 0.5
    inner = _WIDTH - _LEFT - _RIGHT - 40
    return _LEFT + 20 + inner * share


def nice_ceiling(value: float) -> float:
    """The least of 1, 2, 4, 5, 6, 8 or 10 times a power of ten that is not below the value."""
    power = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    return next(step * power for step in (1, 2, 4, 5, 6, 8, 10) if step * power >= value)


def _short(events: int) -> str:
    return f"{events // 1_000_000} M" if events >= 1_000_000 else f"{events // 1000:,} k"
