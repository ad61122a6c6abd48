"""Streams of one file that page in every way: each is killed in its middle, goes on from its position, and is exact."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

from tests.support.crawl import Crawl
from tests.support.database import rows, value
from tests.support.filesources import Stored, assert_stored, assert_totals, linked, write_sources
from tests.support.mock import MockApi
from tests.support.stylesource import NAMES, STYLES

TOTAL = 215
LARGE = 12_345_678_901_234_567_000
SETTINGS = {"WRITE_BATCH_SIZE": "20", "LOG_LEVEL": "INFO"}
_AT_ONCE = 4


def test_streams_of_all_ways_are_exact_through_kills(
    tmp_path: Path, start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    mock = start_mock_api("--total", "1", "--records", str(TOTAL))
    files = write_sources(tmp_path / "sources", styles=STYLES.format(base_url=mock.base_url))

    def crawl_all(code: int, **settings: str) -> None:
        for start in range(0, len(NAMES), _AT_ONCE):
            crawls = [
                start_crawl(mock.base_url, spider=f"styles.{name}", **SETTINGS, **files, **settings)
                for name in NAMES[start : start + _AT_ONCE]
            ]
            for crawl in crawls:
                assert crawl.wait() == code, crawl.log

    crawl_all(-signal.SIGKILL, DATASYNC_FAILPOINT="after_commit@3=kill")
    positions = dict(rows(database_url, "SELECT stream, cursor FROM ingestion_state WHERE stream LIKE 'styles.%'"))
    assert set(positions) == {f"styles.{name}" for name in NAMES}
    assert all(0 < value(database_url, f"SELECT count(*) FROM styles__{name}") < TOTAL for name in NAMES)
    assert int(positions["styles.numbered"]) > 1
    assert json.loads(positions["styles.sorted"])[0][1] > LARGE
    assert positions["styles.sorted"].startswith("[[1.10,")
    assert set(json.loads(positions["styles.continued"])) == {"continue", "from"}
    assert len(json.loads(positions["styles.tabled"])) == 2
    assert positions["styles.marked"].startswith("m+")

    crawl_all(0)
    for name in NAMES:
        assert_stored(database_url, f"styles__{name}", _truth(name))
        assert_totals(database_url, f"styles__{name}", f"styles.{name}")
    # Where a chain went on nothing was read again.
    assert value(database_url, "SELECT sum(duplicates) FROM ingestion_pages") == 0
    assert value(database_url, "SELECT count(*) FROM ingestion_runs WHERE status = 'complete'") == len(NAMES)


def _truth(name: str) -> Stored:
    """What the mock serves; in one of its styles each record says as well by what it is sorted."""
    if name != "sorted":
        return linked(TOTAL)
    return {
        record_id: ({**record, "sort": [1.1, LARGE + record["id"] - 1]}, at)
        for record_id, (record, at) in linked(TOTAL).items()
    }
