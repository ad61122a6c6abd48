"""What is found out from the answers of ten forms of real servers: each is right without a hand."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from datasync_spider.ops.discovery.url.sourcetext import source_text
from tests.support.unknownapis import kept

DRF = {"records": "results", "id": "id", "time": "occurred_at", "next": {"from": "body:next", "to": "url"}}
DATASETTE = {"id": "id", "time": "occurred_at", "next": {"from": "link:next", "to": "url"}, "end": ["no-next"]}
RIGHT: dict[str, dict[str, Any]] = {
    "datasette_token": {**DATASETTE, "records": "rows", "order": "oldest-first", "total": "filtered_table_rows_count"},
    "datasette_link": {**DATASETTE, "records": "@", "order": "none"},
    "datasette_arrays": {**DATASETTE, "records": {"path": "rows", "shape": "columns:columns"}, "order": "none"},
    "datasette_lines": {**DATASETTE, "records": "@", "format": "ndjson"},
    "datasette_map": {**DATASETTE, "records": {"path": "@", "shape": "map"}},
    "kinto": {
        "records": "data",
        "id": "id",
        "time": "last_modified",
        "order": "newest-first",
        "next": {"from": "header:Next-Page", "to": "url"},
        "end": ["no-next"],
        "query": {"_limit": "{page_size}"},
        "page_size": {"default": 10, "max": 10},
    },
    "drf_cursor": {**DRF, "order": "oldest-first", "end": ["no-next"], "query": {"page_size": "{page_size}"}},
    "drf_page": {**DRF, "order": "oldest-first", "end": ["no-next"], "total": "count"},
    "drf_offset": {**DRF, "order": "oldest-first", "total": "count", "page_size": {"default": 10, "max": 20}},
    "oauth_resource": {**DRF, "order": "oldest-first", "end": ["no-next"]},
    "localstripe": {
        "records": "data",
        "id": "id",
        "time": "created",
        "total": "total_count",
        "next": {"from": "last:id", "to": "query:starting_after"},
        "end": ["flag:has_more=false"],
        "query": {"limit": "{page_size}"},
        "page_size": 4,
    },
    "synapse": {
        "records": "chunk",
        "id": "event_id",
        "time": "origin_server_ts",
        "next": {"from": "body:end", "to": "query:from"},
        "end": ["no-next"],
        "query": {"dir": "f", "limit": "{page_size}"},
    },
}


@pytest.mark.parametrize("name", RIGHT)
def test_the_file_of_a_real_server_is_right_and_its_second_page_was_seen(name: str) -> None:
    found, asked = kept(name)
    assert found.is_tried
    assert 2 <= len(asked) <= 5
    file = tomllib.loads(source_text(found, "lab", "things"))
    stream = file["streams"]["things"]
    assert {key: stream.get(key) for key in RIGHT[name]} == RIGHT[name]


@pytest.mark.parametrize(
    ("name", "auth"),
    [
        ("oauth_resource", {"type": "bearer", "token": "secret:TOKEN"}),
        ("kinto", {"type": "headers", "headers": {"Authorization": "Basic secret:USERPASS"}}),
    ],
)
def test_the_credential_is_named_in_the_file_and_nowhere_else(name: str, auth: dict[str, Any]) -> None:
    found, _ = kept(name)
    assert tomllib.loads(source_text(found, "lab", "things"))["source"]["auth"] == auth
