"""A Parquet file says of each value what the typed view says, whatever an API has sent.

``TYPED_RECORDS=100000`` compares as many records.
"""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from datasync_spider.ops.exporting.parquet import MOST_DIGITS, write_parquet
from datasync_spider.storage.connection import connected
from datasync_spider.storage.exports import find_export, measured, read_rows, take_snapshot
from tests.integration.storage.test_typed_views import columns, is_same, keep, store
from tests.support.changingfeed import at, expected, parsed, payloads

RECORDS = int(os.environ.get("TYPED_RECORDS", "600"))


def said(value: Any, type_: str) -> Any:
    """A value of the file as the oracle writes it. A numeric that has no place in a decimal is its text."""
    if value is None:
        return None
    if type_ == "jsonb":
        return parsed(value)
    return Decimal(value) if type_ in {"bigint", "numeric"} else value


def test_each_value_of_a_feed_that_changes_is_in_the_file_as_it_is_in_the_payload(
    database_url: str, tmp_path: Path
) -> None:
    texts = list(payloads(RECORDS, seed=21))
    store(database_url, texts)
    keep(database_url)
    typed = columns(database_url)
    path = tmp_path / "events.parquet"
    with connected(database_url) as connection, path.open("wb") as file:
        export = find_export(connection, "events", None)
        assert export is not None
        take_snapshot(connection)
        export = measured(connection, export, MOST_DIGITS)
        assert write_parquet(file, export.columns, read_rows(connection, export)) == len(texts)
    compared = 0
    differing: list[tuple[Any, ...]] = []
    for batch in pq.ParquetFile(path).iter_batches(500, columns=["payload", *typed]):
        for payload, *values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            record = parsed(payload)
            for (type_, place), found in zip(typed.values(), values, strict=True):
                stored = at(record, place)
                compared += 1
                if not is_same(said(found, type_), expected(stored, type_)):
                    differing.append((place, type_, stored, found))
    assert (compared, differing[:5]) == (len(texts) * len(typed), [])
