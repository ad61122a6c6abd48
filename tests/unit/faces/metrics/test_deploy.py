"""The example alerts and the dashboard use metrics that exist, and lead to pages that do."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from datasync_spider.faces.dashboard.exposition import exposition

ROOT = Path(__file__).resolve().parents[4]
PROMETHEUS = ROOT / "deploy/prometheus"
ALERTS = PROMETHEUS / "alerts.yml"
DASHBOARD = ROOT / "deploy/grafana/datasync.json"
_METRIC = re.compile(r"\b(?:datasync|process)_[a-z_]+\b")
_PARTS = re.compile(r"_(bucket|sum|count)$")


def documented() -> set[str]:
    """Of a crawl, and of a process that syncs many slices."""
    crawl, _, more = (ROOT / "docs/reference/metrics.md").read_text().partition("\n## Of all streams")
    page = crawl + more.partition("\n## Of a process")[2]
    return set(re.findall(r"^\| `((?:datasync|process)_\w+)` \|", page, re.MULTILINE))


def of_the_status_page() -> set[str]:
    return set(re.findall(r"^# TYPE (\w+) gauge", exposition([], per_slice=False).decode(), re.MULTILINE))


def names_in(text: str) -> set[str]:
    known = documented() | of_the_status_page()
    return {name if name in known else _PARTS.sub("", name) for name in _METRIC.findall(text)}


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return found


def expressions() -> Iterator[str]:
    for panel in panels():
        yield from (target["expr"] for target in panel.get("targets", []))


def test_the_alerts_use_metrics_that_exist() -> None:
    assert names_in(ALERTS.read_text()) <= documented() | of_the_status_page()


def test_the_dashboard_uses_metrics_that_exist_and_shows_each_that_a_crawl_or_a_sync_of_many_makes() -> None:
    shown = names_in(" ".join(expressions()))
    assert shown <= documented() | of_the_status_page()
    assert "datasync_slices" in shown
    assert {name for name in documented() if name.startswith("datasync_")} <= shown


def test_every_alert_leads_to_a_page_that_explains_it() -> None:
    text = ALERTS.read_text()
    links = re.findall(r"runbook: (\S+)", text)
    assert len(links) == text.count("- alert: ")
    for link in links:
        path, _, anchor = link.partition("#")
        headings = re.findall(r"^#+ (.*)$", (ROOT / path).read_text(), re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert not anchor or anchor in anchors, link


def test_every_panel_has_its_own_number_and_its_own_place() -> None:
    assert len({panel["id"] for panel in panels()}) == len(panels())
    for one, other in combinations((panel["gridPos"] for panel in panels()), 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below, (one, other)


@pytest.mark.parametrize(
    "arguments",
    [("check", "config", "prometheus.yml"), ("check", "rules", "alerts.yml"), ("test", "rules", "alerts_test.yml")],
    ids=" ".join,
)
def test_prometheus_itself_accepts_the_files_and_the_alerts_fire_when_they_should(arguments: tuple[str, ...]) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    done = subprocess.run(["promtool", *arguments], cwd=PROMETHEUS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_test() -> None:
    alerts = set(re.findall(r"- alert: (\w+)", ALERTS.read_text()))
    tested = set(re.findall(r"alertname: (\w+)\n\s+exp_alerts", (PROMETHEUS / "alerts_test.yml").read_text()))
    assert alerts == tested
