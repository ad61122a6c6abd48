"""The reference page lists every metric, as it is, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client.core import Metric

from datasync_spider.faces.metrics.families import Metrics
from tests.support.progress import everything_happened

PAGE = Path(__file__).resolve().parents[4] / "docs/reference/metrics.md"
_ROW = re.compile(r"\| `(?P<name>\w+)` \| (?P<type>\w+) \| (?P<labels>.*?) \| (?P<meaning>.*) \|")
_TYPES = {"info": "gauge"}
_SUFFIXES = {"info": "_info", "counter": "_total"}


def served() -> list[tuple[str, str, str, str]]:
    metrics = Metrics(everything_happened, 60.0, "1.0", clock=lambda: 100.0, wall_clock=lambda: 1_700_000_100.0)
    return [
        (
            family.name + _SUFFIXES.get(family.type, ""),
            _TYPES.get(family.type, family.type),
            ", ".join(f"`{label}`" for label in labels_of(family)),
            family.documentation,
        )
        for family in metrics.registry.collect()
    ]


def labels_of(family: Metric) -> list[str]:
    return sorted({label for sample in family.samples for label in sample.labels} - {"le"})


def test_the_page_and_the_code_say_the_same() -> None:
    listed = [match.group("name", "type", "labels", "meaning") for match in _ROW.finditer(PAGE.read_text())]
    assert listed == served()


def test_names_and_units_follow_the_conventions() -> None:
    for name, kind, _, meaning in served():
        assert re.fullmatch(r"(datasync|process)(_[a-z]+)+", name)
        assert name.endswith("_total") == (kind == "counter")
        assert not re.search(r"_(ms|milliseconds|minutes|kb|count|percent)\b", name.removesuffix("_total"))
        assert meaning.endswith(".") or name.startswith("process_")
