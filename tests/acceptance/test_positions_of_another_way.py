"""A stored position that the stream's way of paging cannot have made ends the run as failed, and is not shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.support.crawl import Crawl
from tests.support.database import execute_outside, value
from tests.support.mock import MockApi

_SOURCE = """
[source]
name = "off"
base_url = "{base_url}"

[streams.items]
url = "/offset/records"
query = {{ limit = "{{page_size}}" }}
page_size = {{ default = 10, max = 100 }}
records = "result.items"
id = "key.id"
time = "when.at"
order = "newest-first"
next = {{ from = "counter:offset", to = "query:offset" }}
end = ["empty", "short"]
incremental = {{ type = "known" }}
"""


def test_a_position_that_is_no_offset_fails_the_run_and_is_not_shown(
    tmp_path: Path,
    start_mock_api: Callable[..., MockApi],
    start_crawl: Callable[..., Crawl],
    database_url: str,
) -> None:
    mock = start_mock_api("--records", "1500")
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "off.toml").write_text(_SOURCE.format(base_url=mock.base_url))
    settings = {"SOURCES_DIR": str(folder), "WRITE_BATCH_SIZE": "100"}
    start_crawl(mock.base_url, spider="off.items", DATASYNC_FAILPOINT="after_commit@1=kill", **settings).wait()
    execute_outside(database_url, "UPDATE ingestion_state SET cursor = 's3cret-cursor' WHERE cursor IS NOT NULL")
    crawl = start_crawl(mock.base_url, spider="off.items", LOG_LEVEL="DEBUG", **settings)
    assert crawl.wait() == 1
    assert value(database_url, "SELECT reason FROM ingestion_runs ORDER BY run_id DESC LIMIT 1") == "position_refused"
    assert value(database_url, "SELECT cursor FROM ingestion_state WHERE cursor IS NOT NULL") == "s3cret-cursor"
    assert "s3cret-cursor" not in crawl.log
