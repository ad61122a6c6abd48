"""docs/sources/add-a-record-reader.md, typed as it stands in a folder of its own: CSV, exact through a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.crawl import clean_environment
from tests.support.database import rows
from tests.support.feed import Asked, Feed, Reply, serving
from tests.support.filesources import assert_totals
from tests.unit.docs.pages import DOCS, read

PAGE = read(DOCS / "sources" / "add-a-record-reader.md")
LOANS = [(f"loan-{number}", f"{1 + number % 28:02}/02/2024") for number in range(30)]


def answer(asked: Asked) -> Reply:
    """Three loans a page; on the second one a row that is cut short, and the last one is empty."""
    page = int(asked.cursor or "0")
    loans = LOANS[page * 3 : page * 3 + 3]
    lines = [f'"{loan}",{lent}' for loan, lent in loans]
    body = "\r\n".join(["loan,lent", *lines, *(["alone"] * (page == 1))]) + "\r\n"
    headers = {"Content-Type": "text/csv", **({"X-Next": str(page + 1)} if page < 10 else {})}
    return Reply(body.encode(), headers=headers)


@pytest.fixture
def api() -> Iterator[Feed]:
    with serving([], answer) as feed:
        yield feed


@pytest.fixture
def folder(tmp_path: Path, api: Feed) -> Path:
    for block in PAGE.blocks:
        if block.lines[0].startswith("# "):
            file = tmp_path / block.lines[0].removeprefix("# ")
            file.parent.mkdir(exist_ok=True)
            text = "\n".join(block.lines) + "\n"
            file.write_text(text.replace("https://library.example.com/api", api.base_url), encoding="utf-8")
    (tmp_path / "own" / "__init__.py").touch()
    (tmp_path / "scrapy.cfg").write_text("[settings]\ndefault = datasync_spider.settings\n", encoding="utf-8")
    return tmp_path


def typed(folder: Path, line: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = clean_environment(WRITE_BATCH_SIZE="1", API_MAX_RETRIES="2", **settings)
    path = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
    return subprocess.run(
        ["sh", "-c", f"exec {line}"],
        cwd=folder,
        env={**environment, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )


def test_csv_is_stored_exactly_through_a_kill_and_a_bad_row_is_a_dead_letter(
    folder: Path, api: Feed, database_url: str
) -> None:
    listed = typed(folder, "scrapy list")
    assert "library.loans" in listed.stdout.split(), listed.stderr

    killed = typed(
        folder, "scrapy crawl library.loans", DATABASE_URL=database_url, DATASYNC_FAILPOINT="after_commit@4=kill"
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    done = typed(folder, "scrapy crawl library.loans", DATABASE_URL=database_url)
    assert done.returncode == 0, done.stderr

    assert all(asked.headers["accept"] == "text/csv" for asked in api.asked)
    stored = rows(database_url, "SELECT event_id, payload, occurred_at FROM library__loans")
    assert {(event_id, payload["lent"]) for event_id, payload, _ in stored} == set(LOANS)
    # Midnight in Berlin.
    assert {(at.day, at.hour) for event_id, _, at in stored if event_id == "loan-1"} == {(1, 23)}
    assert rows(database_url, "SELECT reason, convert_from(raw, 'UTF8') FROM rejected_events") == [
        ("not_an_object", '["alone"]')
    ]
    assert_totals(database_url, "library__loans", "library.loans")
    shown = typed(folder, "scrapy rejected", DATABASE_URL=database_url, STREAM="library.loans")
    assert "not_an_object" in shown.stdout, shown.stderr


def test_a_class_that_is_not_there_is_listed_and_ends_a_crawl_before_anything_is_asked(
    folder: Path, api: Feed, database_url: str
) -> None:
    (folder / "own" / "readers.py").unlink()

    assert "library.loans" in typed(folder, "scrapy list").stdout.split()
    crawl = typed(folder, "scrapy crawl library.loans", DATABASE_URL=database_url)

    assert crawl.returncode == 2, crawl.stderr
    assert "python:own.readers:CsvReader: there is no module own.readers" in crawl.stderr
    assert api.asked == []
