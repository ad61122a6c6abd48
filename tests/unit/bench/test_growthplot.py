from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from bench.figures import CaseFound, Figure
from bench.growthplot import nice_ceiling, plot
from tests.unit.bench.reports import report

SVG = "{http://www.w3.org/2000/svg}"


def grown(events: int, speed: float) -> CaseFound:
    ours = Figure(what="crawl", unit="events/s", samples=[speed], cpu_seconds=[events / 1e6 * 4], peak_mb=[150.0])
    return CaseFound(name=f"{events:,}", title="one crawl", rounds=1, events=events, figures=[ours])


def test_sizes_stand_by_their_logarithm_and_heights_by_their_amount() -> None:
    figure = ET.fromstring(plot(report(grown(100_000, 100_000), grown(1_000_000, 50_000), grown(10_000_000, 25_000))))
    lines = [
        [tuple(map(float, point.split(","))) for point in line.attrib["points"].split()]
        for line in figure.iter(f"{SVG}polyline")
    ]
    assert len(lines) == 3
    speeds, costs, peaks = lines
    first, second, third = (x for x, _ in speeds)
    assert second - first == pytest.approx(third - second, abs=0.2)
    floor = 34 + 150
    heights = [floor - y for _, y in speeds]
    assert heights == pytest.approx([150, 75, 37.5], abs=0.1)
    assert len({y for _, y in costs}) == 1
    assert len({y for _, y in peaks}) == 1


@pytest.mark.parametrize(("value", "ceiling"), [(93_000, 100_000), (4.1, 5), (0.3, 0.4), (100, 100), (0, 1)])
def test_a_scale_ends_at_a_round_number(value: float, ceiling: float) -> None:
    assert nice_ceiling(value) == pytest.approx(ceiling)
