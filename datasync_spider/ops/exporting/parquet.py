"""Rows as a Parquet file, by pyarrow, which only those install who want such files.

Invariant: a value is the one that PostgreSQL has. A numeric column is a decimal where its digits have room in one, and
text otherwise, as a whole; JSON is text. What is held at once is bounded in bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import IO, Any, Final

from datasync_spider.errors import ConfigurationError
from datasync_spider.storage.exports import DECIMAL, ExportColumn

_ROW_GROUP_BYTES: Final = 32_000_000
MOST_DIGITS: Final = 38
"""Of a decimal128."""


def check_installed() -> None:
    """Raises ConfigurationError where pyarrow is missing."""
    try:
        import pyarrow.parquet  # noqa: F401, PLC0415 - heavy, and missing where no one wants it
    except ImportError as error:
        raise ConfigurationError(
            f"a Parquet file needs pyarrow, which cannot be imported ({error}):"
            " pip install 'datasync-ingestion[parquet]', or in a checkout"
            " pip install --require-hashes -r requirements-parquet.txt; .csv and .jsonl need nothing"
        ) from error


def write_parquet(file: IO[bytes], columns: Sequence[ExportColumn], pieces: Iterator[list[tuple[Any, ...]]]) -> int:
    """Writes all rows; gives how many there were."""
    import pyarrow as pa  # noqa: PLC0415 - as above
    import pyarrow.parquet as pq  # noqa: PLC0415

    schema = pa.schema([(column.name, _type(pa, column)) for column in columns])
    rows = 0
    waiting: list[Any] = []
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for piece in pieces:
            rows += len(piece)
            arrays = [
                pa.array(values, field.type) for values, field in zip(zip(*piece, strict=True), schema, strict=True)
            ]
            waiting.append(pa.record_batch(arrays, schema=schema))
            if sum(batch.nbytes for batch in waiting) >= _ROW_GROUP_BYTES:
                writer.write_table(pa.Table.from_batches(waiting))
                waiting = []
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting))
    return rows


def _type(pa: Any, column: ExportColumn) -> Any:
    if column.type == DECIMAL:
        return pa.decimal128(MOST_DIGITS, column.scale)
    types = {"bigint": pa.int64(), "boolean": pa.bool_(), "timestamptz": pa.timestamp("us", tz="UTC")}
    return types.get(column.type, pa.string())
