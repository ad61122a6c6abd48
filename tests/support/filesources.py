"""Sources by files on the mock's other ways of paging, and what a database must hold of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mock_api.records import link_record, offset_record
from tests.support.database import rows, value

SEED = 1
TOKEN = "tok-en+of/an API=4711"
"""The secret of ``hub``: with characters that a URL writes otherwise."""

HUB = """
[source]
name = "hub"
base_url = "{base_url}"
auth = {{ type = "query", query = {{ access_token = "secret:HUB_TOKEN" }} }}

[streams.records]
url = "/link/records"
query = {{ per_page = "{{page_size}}" }}
page_size = 20
records = "@"
id = "node_id"
time = "updated_at"
order = "newest-first"
next = {{ from = "link:next", to = "url" }}
end = ["no-next"]
incremental = {{ type = "known" }}
"""
SHELF = """
[source]
name = "shelf"
base_url = "{base_url}"
auth = {{ type = "bearer", token = "secret:SHELF_TOKEN" }}

[streams.records]
url = "/offset/records"
query = {{ limit = "{{page_size}}" }}
page_size = 20
records = "result.items"
id = "key.id"
time = "when.at"
total = "meta.count"
order = "newest-first"
next = {{ from = "counter:offset", to = "query:offset" }}
end = ["empty", "short"]
incremental = {{ type = "known" }}
"""

Stored = Mapping[str, tuple[dict[str, Any], datetime]]
"""Payload and time by id."""


def write_sources(directory: Path, **texts: str) -> dict[str, str]:
    """A file for each text, and the setting that names their directory."""
    directory.mkdir(exist_ok=True)
    for name, text in texts.items():
        (directory / f"{name}.toml").write_text(text, encoding="utf-8")
    return {"SOURCES_DIR": str(directory)}


def linked(total: int) -> Stored:
    """What the mock's linked collection serves."""
    records = (link_record(SEED, age) for age in range(total))
    return {record["node_id"]: (record, datetime.fromisoformat(record["updated_at"])) for record in records}


def counted(total: int) -> Stored:
    """What the mock's collection behind an offset serves."""
    records = (offset_record(SEED, age) for age in range(total))
    return {record["key"]["id"]: (record, datetime.fromtimestamp(record["when"]["at"], UTC)) for record in records}


def assert_stored(url: str, table: str, truth: Stored) -> None:
    """Each record once, with its content and time, and nothing else."""
    found = rows(url, f"SELECT event_id, payload::text, occurred_at FROM {table}")
    assert len(found) == len(truth)
    assert {event_id: (json.loads(payload), at) for event_id, payload, at in found} == truth


def assert_totals(url: str, table: str, stream: str) -> None:
    """State, pages and table of each of the stream's slices say the same."""
    slices = rows(url, "SELECT id, total_ingested, total_rejected FROM ingestion_state WHERE stream = %s", (stream,))
    assert slices
    of_table = dict(rows(url, f"SELECT slice_id, count(*) FROM {table} GROUP BY 1")) if is_sliced(url, table) else {}
    for slice_id, ingested, rejected in slices:
        pages = "SELECT coalesce(sum(inserted), 0), coalesce(sum(rejected), 0) FROM ingestion_pages WHERE slice_id = %s"
        inserted, refused = rows(url, pages, (slice_id,))[0]
        in_table = of_table.get(slice_id, 0) if of_table else value(url, f"SELECT count(*) FROM {table}")
        assert (ingested, ingested) == (inserted, in_table)
        assert rejected <= refused


def is_sliced(url: str, table: str) -> bool:
    columns = "SELECT count(*) FROM information_schema.columns WHERE table_name = %s AND column_name = 'slice_id'"
    return bool(value(url, columns, (table,)))


def whole_database(url: str) -> str:
    """Every row of every table, as text."""
    tables = rows(
        url,
        "SELECT quote_ident(table_schema) || '.' || quote_ident(table_name) FROM information_schema.tables"
        " WHERE table_schema NOT IN ('pg_catalog', 'information_schema')",
    )
    return "\n".join(text for (table,) in tables for (text,) in rows(url, f"SELECT t::text FROM {table} AS t"))


def assert_hidden(secrets: Iterable[str], *texts: str) -> None:
    """None of the secrets is in any of the texts, be it in one of its pieces."""
    for secret in secrets:
        for piece in (secret, *secret.replace("+", " ").replace("/", " ").replace("=", " ").split()):
            assert len(piece) < 5 or all(piece not in text for text in texts), piece
