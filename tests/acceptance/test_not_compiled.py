"""A crawl where no one could compile the reading of pages stores what any other crawl does."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mock_api.hostile import ALL_KINDS
from tests.support.compiling import require_compiled
from tests.support.crawl import PROJECT, Crawl
from tests.support.database import fresh_database, rows, value
from tests.support.mock import MockApi
from tests.support.truth import assert_totals_balance

_STORED = "SELECT event_id, occurred_at::text, payload::text FROM ingested_events ORDER BY event_id"
_REJECTED = "SELECT page_number, position, reason, raw, detail FROM rejected_events ORDER BY page_number, position"


def stored(url: str) -> tuple[list[Any], list[Any]]:
    assert_totals_balance(url)
    dead_letters = [(*entry[:3], bytes(entry[3]), entry[4]) for entry in rows(url, _REJECTED)]
    return rows(url, _STORED), dead_letters


def test_a_crawl_without_the_compiled_module_stores_exactly_what_one_with_it_does(
    tmp_path: Path,
    start_mock_api: Callable[..., MockApi],
    start_crawl: Callable[..., Crawl],
    postgres_url: str,
    database_url: str,
) -> None:
    require_compiled()
    # In front of the module that there is; that it was asked is shown by a file.
    asked = tmp_path / "asked"
    blocking = tmp_path / "blocking"
    blocking.mkdir()
    (blocking / "datasync_columns.py").write_text(f"open({str(asked)!r}, 'w').close()\nraise ImportError\n")
    paths = [str(blocking), str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])]
    # One in each page, so that pages of each kind of trouble are met; not the one of a megabyte.
    kinds = "+".join(kind for kind in ALL_KINDS if kind != "huge_payload")
    mock = start_mock_api("--total", "900")
    mock.control("faults", "POST", {"name": "malformed_events", "rate": 1, "density": 0.05, "kinds": kinds})
    settings = {"REJECTED_MAX_PERCENT": "100", "API_PAGE_LIMIT": "20"}
    with fresh_database(postgres_url) as other_url:
        compiled = start_crawl(mock.base_url, **settings)
        python = start_crawl(
            mock.base_url, afresh=True, DATABASE_URL=other_url, PYTHONPATH=os.pathsep.join(paths), **settings
        )
        assert compiled.wait() == 0, compiled.log
        assert python.wait() == 0, python.log
        assert asked.exists()
        assert stored(other_url) == stored(database_url)
    assert value(database_url, "SELECT count(*) FROM ingested_events") > 900
    assert value(database_url, "SELECT count(DISTINCT reason) FROM rejected_events") > 8
