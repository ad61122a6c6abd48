"""The reference page lists every metric, as it is, and no other: of a crawl, and of a process that syncs many."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric

from datasync_spider.faces.metrics.families import Metrics
from datasync_spider.faces.metrics.process import registry_of
from datasync_spider.faces.progress.many import Many, Place
from datasync_spider.storage.freshness import Freshness, StreamFreshness
from tests.support.progress import everything_happened

PLACE = Place("shop", "shop.orders", "{}")
PAGE = Path(__file__).resolve().parents[4] / "docs/reference/metrics.md"
_ROW = re.compile(r"\| `(?P<name>\w+)` \| (?P<type>\w+) \| (?P<labels>.*?) \| (?P<meaning>.*) \|")
_TYPES = {"info": "gauge"}
_SUFFIXES = {"info": "_info", "counter": "_total"}


Row = tuple[str, str, str, str]


def of_a_crawl() -> list[Row]:
    metrics = Metrics(everything_happened, 60.0, "1.0", clock=lambda: 100.0, wall_clock=lambda: 1_700_000_100.0)
    return rows_of(metrics.registry)


def of_a_process() -> list[Row]:
    many = Many(0.0)
    many.began(PLACE)
    many.opened(PLACE, everything_happened())
    many.freshness_known(Freshness({PLACE.of_stream: StreamFreshness(1, 1, 90.0)}), 95.0)
    registry = registry_of(many, clock=lambda: 100.0, wall_clock=lambda: 1_700_000_100.0)
    return [row for row in rows_of(registry) if not row[0].startswith("process_")]


def rows_of(registry: CollectorRegistry) -> list[Row]:
    return [
        (
            family.name + _SUFFIXES.get(family.type, ""),
            _TYPES.get(family.type, family.type),
            ", ".join(f"`{label}`" for label in labels_of(family)),
            family.documentation,
        )
        for family in registry.collect()
    ]


def labels_of(family: Metric) -> list[str]:
    return sorted({label for sample in family.samples for label in sample.labels} - {"le"})


def test_the_page_and_the_code_say_the_same() -> None:
    listed = [match.group("name", "type", "labels", "meaning") for match in _ROW.finditer(PAGE.read_text())]
    assert listed == [*of_a_crawl(), *of_a_process()]


def test_what_a_crawl_has_as_well_means_the_same() -> None:
    help_of = {name: meaning for name, _, _, meaning in of_a_crawl()}
    shared = {name: meaning for name, _, _, meaning in of_a_process() if name in help_of}
    del shared["datasync_newest_event_timestamp_seconds"]  # It says besides which of several slices is meant.
    assert shared == {name: help_of[name] for name in shared}
    assert len(shared) == 11


def test_names_and_units_follow_the_conventions() -> None:
    for name, kind, _, meaning in [*of_a_crawl(), *of_a_process()]:
        assert re.fullmatch(r"(datasync|process)(_[a-z]+)+", name)
        assert name.endswith("_total") == (kind == "counter")
        assert not re.search(r"_(ms|milliseconds|minutes|kb|count|percent)\b", name.removesuffix("_total"))
        assert meaning.endswith(".") or name.startswith("process_")
