"""A stream's view as a file of dbt's sources. Pure.

Invariant: each text in it is quoted as JSON, which YAML reads as the same text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from datasync_spider.ops.registry.schema import Seen
from datasync_spider.sources.columns import is_masked

# What the table has, in words.
_FIXED = {
    "slice_id": "The slice, in ingestion_state.",
    "event_id": "The API's id.",
    "occurred_at": "When it happened.",
    "payload": "The record as the API sent it.",
    "ingested_at": "When it was stored.",
    "deleted_at": "When it was deleted; null where it is not.",
    "unseen_at": "When a full sync had not met it.",
}
_TYPES = {
    "slice_id": "bigint",
    "event_id": "text",
    "payload": "jsonb",
    **dict.fromkeys(("occurred_at", "ingested_at", "deleted_at", "unseen_at"), "timestamptz"),
}


def sources_file(seen: Seen) -> str:
    """As it is to be put below ``models/``."""
    return "\n".join(_lines(seen)) + "\n"


def _lines(seen: Seen) -> Iterator[str]:
    view = seen.view
    yield "version: 2"
    yield ""
    yield "sources:"
    yield f"  - name: {json.dumps(view.source)}"
    yield f"    schema: {json.dumps(view.schema)}"
    yield "    tables:"
    yield f"      - name: {json.dumps(view.name)}"
    yield f"        description: {json.dumps(f'The stream {view.stream}, with typed columns.')}"
    yield "        loaded_at_field: ingested_at"
    yield "        columns:"
    for name in view.fixed:
        yield from _column(name, _TYPES[name], _FIXED[name], is_hidden=False)
        if name == "event_id" and "slice_id" not in view.fixed:
            yield "            tests: [unique, not_null]"
    for column in seen.plan.columns:
        yield from _column(
            column.name, column.type, f"{column.path} of the payload.", is_hidden=is_masked(column.path, seen.masked)
        )


def _column(name: str, type_: str, description: str, *, is_hidden: bool) -> Iterator[str]:
    yield f"          - name: {json.dumps(name)}"
    yield f"            description: {json.dumps(description)}"
    yield f"            data_type: {type_}"
    if is_hidden:
        yield "            meta: {masked: true}"
