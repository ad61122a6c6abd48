"""A line in a view and one in the registry, in a copy of the program: all that reads the database shows the column."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests.support.crawl import clean_environment
from tests.support.mock import MockApi
from tests.unit.docs.pages import PROJECT

# The view's line, the registry's line, and where they go: the end of the view, as it was made last.
LINES = {
    "\nFROM ingestion_streams AS stream\n": ",\n       slice.total_ingested * 2 AS twice",
    "\nFROM ingestion_runs AS run\nJOIN ": ",\n       run.pages * 2 AS sheets",
    "STREAM = (\n": 'Column("twice", "Twice", "in both copies", "in both copies", "records", "In both copies."),\n',
    "RUN = (\n": 'Column("sheets", "Sheets", "sheet", "sheets", "pages", "Both sides.", part="received"),\n',
}


def program_with_two_more_columns(place: Path) -> Path:
    for name in ("datasync_spider", "mock_api", "migrations", "sources"):
        shutil.copytree(PROJECT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "scrapy.cfg", place)
    made = "VIEW ingestion_run_facts AS"
    view = max(path for path in (place / "migrations").glob("*.sql") if made in path.read_text(encoding="utf-8"))
    registry = place / "datasync_spider/observe/columns.py"
    for anchor, line in LINES.items():
        path = registry if anchor.endswith("(\n") else view
        before, found, after = path.read_text(encoding="utf-8").partition(anchor)
        assert found
        put = before + (anchor + line if path == registry else line + anchor) + after
        path.write_text(put, encoding="utf-8")
    shape = place / "migrations/shape.json"
    facts = json.loads(shape.read_text(encoding="utf-8"))
    facts["ingestion_stream_facts"]["column twice"] = [[20, "bigint"]]
    facts["ingestion_run_facts"]["column sheets"] = [[20, "bigint"]]
    shape.write_text(json.dumps(facts), encoding="utf-8")
    return place


def test_a_new_column_is_a_line_in_a_view_and_a_line_in_the_registry(
    empty_database_url: str, tmp_path: Path, start_mock_api: Callable[..., MockApi]
) -> None:
    place = program_with_two_more_columns(tmp_path / "copy")
    mock = start_mock_api("--total", "300")
    environment = clean_environment(
        DATABASE_URL=empty_database_url,
        API_BASE_URL=mock.base_url,
        DATASYNC_HOME=str(tmp_path / "home"),
        API_PAGE_LIMIT="100",
    )
    environment["PYTHONPATH"] = str(place)

    def scrapy(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "scrapy", *arguments]
        return subprocess.run(
            command, cwd=place, env=environment, capture_output=True, text=True, check=True, timeout=120
        )

    # The exit report.
    assert "this run: 6 sheets, 3 pages, 300 events" in scrapy("crawl", "events").stderr
    status = scrapy("status").stdout
    assert "300 of 300 stored, 600 in both copies, 0 rejected" in status
    assert "  6 sheets, 3 pages, 300 events" in status
    report = json.loads(scrapy("status", "--json").stdout)
    assert (report["twice"], report["run"]["sheets"]) == (600, 6)
    (head, line) = scrapy("streams").stdout.splitlines()
    assert line[: head.index("twice") + len("twice")].endswith(" 600")
    assert json.loads(scrapy("streams", "--json").stdout)["slices"][0]["twice"] == 600

    command = [sys.executable, "-m", "scrapy", "dashboard", "--port", "0"]
    with subprocess.Popen(command, cwd=place, env=environment, stdout=subprocess.PIPE, text=True) as dashboard:
        try:
            assert dashboard.stdout is not None
            found = re.search(r"http://\S+", dashboard.stdout.readline())
            assert found is not None

            def page(path: str) -> str:
                with urllib.request.urlopen(found[0].rstrip("/") + path, timeout=60) as answer:
                    text: str = answer.read().decode()
                return text

            assert json.loads(page("/api/streams.json"))["streams"][0]["values"]["twice"] == 600
            state = json.loads(page("/api/state.json"))
            assert state["runs"][0]["values"]["sheets"] == 6
            # What the page draws its cards, tables and facts by.
            columns = json.loads(page("/assets/columns.js").partition("COLUMNS = ")[2].rstrip(";\n"))
            assert (columns["stream"][0]["label"], columns["run"][0]["label"]) == ("Twice", "Sheets")
            metrics = page("/metrics")
            assert 'datasync_stream_twice{source="datasync",stream="events"} 600.0' in metrics
            assert 'datasync_last_run_sheets{source="datasync",stream="events"} 6.0' in metrics
        finally:
            dashboard.terminate()
