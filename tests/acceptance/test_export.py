"""``scrapy export``: what is stored is in the file, value by value, and a file is whole or as it was before."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest

from datasync_spider.records.event import Event
from tests.support.crawl import PROJECT, clean_environment, scrapy
from tests.support.database import execute_outside, rows, value
from tests.support.pages import page
from tests.support.runs import RunWriter, open_test_run
from tests.support.starting import start
from tests.support.waiting import eventually

TABLE = "datasync__orders"
ODD_TEXTS = [
    "",
    "a",
    'q"uo,te',
    "line\nbreak\r\n",
    "\\N",
    "\\.",
    "\x01\x02\x7f",
    "\u00e4\u2028\U0001f642",
    " x ",
    "null",
]
ODD_TIMES = [
    "2025-03-04T12:00:00Z",
    "2025-03-03T23:00:00.123456+13:00",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.9Z",
]
VALUES: dict[str, Sequence[Any]] = {
    "text": ODD_TEXTS,
    "count": [0, -1, 7, 2**63 - 1, -(2**63)],
    "amount": [Decimal("0.1"), Decimal("-1e-9"), Decimal("123456789012345678901234.5"), Decimal(5), Decimal("1.50")],
    "vast": [Decimal("1e40"), Decimal("-0.5"), Decimal(3)],
    "isOn": [True, False],
    "at": ODD_TIMES,
    "mixed": [1, "one", [1, {"b": None}], True],
    "if": ["reserved"],
    "a b": [1, 2],
}
TYPES = {
    "text": "text",
    "count": "bigint",
    "amount": "numeric",
    "vast": "numeric",
    "is_on": "boolean",
    "at": "timestamptz",
    "mixed": "jsonb",
}
MEMBERS = {"is_on": "isOn"}


def drawn() -> dict[str, dict[str, Any]]:
    """Records by id; each member is missing in some, and null in others."""
    draw = random.Random(7)
    made: dict[str, dict[str, Any]] = {}
    for number in range(240):
        record: dict[str, Any] = {"id": f"e{number}"}
        for name, values in VALUES.items():
            if draw.random() < 0.8:
                record[name] = draw.choice([*values, values[number % len(values)], None])
        made[f"e{number}"] = record
    return made


def as_json(record: Any) -> str:
    """With numbers as they are written."""
    if isinstance(record, Decimal):
        return str(record)
    if isinstance(record, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{as_json(one)}" for name, one in record.items()) + "}"
    if isinstance(record, list):
        return "[" + ",".join(map(as_json, record)) + "]"
    return json.dumps(record)


def read_json(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)


def store(url: str, records: dict[str, str], stream: str = "orders") -> None:
    events = [Event(name, None, text.encode()) for name, text in records.items()]
    writer = RunWriter(url, open_test_run(url, stream))
    with closing(writer.connection):
        writer.write(page(1, events, ends_pass="last_page"))


def export(url: str, *arguments: str, stream: str = "orders", **settings: str) -> subprocess.CompletedProcess[str]:
    return scrapy("export", stream, *arguments, DATABASE_URL=url, **settings)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


EQUAL: dict[str, tuple[Callable[[str], Any], Callable[[Any], Any]]] = {
    "text": (str, str),
    "bigint": (int, int),
    "numeric": (Decimal, Decimal),
    "boolean": (lambda text: {"true": True, "false": False}[text], bool),
    "timestamptz": (instant, instant),
    "jsonb": (read_json, lambda value: value),
}


def assert_is_stored(
    found: Iterator[dict[str, Any]] | list[dict[str, Any]], records: dict[str, dict[str, Any]]
) -> None:
    """``found``: a row each, with values as texts, or None."""
    by_id = {row["event_id"]: row for row in found}
    assert by_id.keys() == records.keys()
    for name, record in records.items():
        row = by_id[name]
        assert read_json(row["payload"]) == read_json(as_json(record))
        for column, type_ in TYPES.items():
            from_text, wanted = EQUAL[type_]
            expected = record.get(MEMBERS.get(column, column))
            got = None if row[column] is None else from_text(row[column])
            assert got == (None if expected is None else wanted(expected)), (name, column)


def test_each_value_is_in_the_file_as_it_is_stored_whatever_the_format(database_url: str, tmp_path: Path) -> None:
    records = drawn()
    store(database_url, {name: as_json(record) for name, record in records.items()})
    settings = {"DATABASE_URL": database_url}
    assert scrapy("schema", "orders", "--apply", **settings).returncode == 0
    types = dict(
        rows(
            database_url,
            "SELECT attname, replace(format_type(atttypid, atttypmod), 'timestamp with time zone', 'timestamptz')"
            f" FROM pg_attribute WHERE attrelid = '{TABLE}_typed'::regclass",
        )
    )
    assert {name: types[name] for name in TYPES} == TYPES
    for name in ("x.parquet", "x.csv", "x.jsonl"):
        done = export(database_url, "-o", str(tmp_path / name))
        assert done.returncode == 0, done.stderr
        assert "240 records of orders are in" in done.stderr

    table = pq.read_table(tmp_path / "x.parquet")
    assert table.column_names == list(types)
    spelt = {"text": pa.string(), "jsonb": pa.string(), "bigint": pa.int64(), "boolean": pa.bool_()}
    spelt["timestamptz"] = pa.timestamp("us", tz="UTC")
    spelt["numeric"] = pa.decimal128(38, 9)
    for column, type_ in TYPES.items():
        assert table.schema.field(column).type == (pa.string() if column == "vast" else spelt[type_]), column
    assert_is_stored([as_texts(row) for row in table.to_pylist()], records)

    options = pc.ConvertOptions(
        column_types=dict.fromkeys(types, pa.string()),
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    parse = pc.ParseOptions(newlines_in_values=True)
    lines = pc.read_csv(tmp_path / "x.csv", convert_options=options, parse_options=parse)
    assert lines.column_names == list(types)
    assert_is_stored(lines.to_pylist(), records)

    objects = [read_json(line) for line in (tmp_path / "x.jsonl").read_text(encoding="utf-8").split("\n")[:-1]]
    assert all(list(one) == list(types) for one in objects)
    assert_is_stored([as_texts(one, is_json=True) for one in objects], records)


def as_texts(row: dict[str, Any], *, is_json: bool = False) -> dict[str, Any]:
    def as_text(name: str, one: Any) -> Any:
        if one is None:
            return None
        if is_json and (name == "payload" or TYPES.get(name) == "jsonb"):
            return as_json(one)
        if isinstance(one, bool):
            return "true" if one else "false"
        return one.isoformat() if isinstance(one, datetime) else str(one)

    return {name: as_text(name, one) for name, one in row.items()}


def test_what_came_since_an_export_is_what_the_next_one_adds(database_url: str) -> None:
    store(database_url, {"a": "{}", "b": "{}"})
    first = export(database_url, "-o", "-")
    assert [json.loads(line)["event_id"] for line in first.stdout.splitlines()] == ["a", "b"]
    assert f"no view with typed columns, so these are the columns of its table {TABLE}" in first.stderr
    since = first.stderr.rpartition("--since ")[2].strip()
    store(database_url, {"c": '{"n":1}'})
    later = export(database_url, "-o", "-", "--format", "csv", "--since", since)
    assert later.stdout.splitlines()[0] == "event_id,occurred_at,payload,ingested_at"
    assert [line.partition(",")[0] for line in later.stdout.splitlines()[1:]] == ["c"]
    midnight = value(database_url, f"SELECT max(ingested_at) FROM {TABLE}") + timedelta(days=1)
    none = export(database_url, "-o", "-", "--since", f"{midnight:%Y-%m-%d}")
    assert (none.returncode, none.stdout) == (0, "")


@pytest.mark.parametrize(
    ("stream", "arguments", "said"),
    [
        ("ordres", ("-o", "-"), "there is no stream ordres: this database has: events, orders (did you mean orders?)"),
        ("orders", ("-o", "{tmp}/x.txt"), "the name says no format; let it end in .parquet, .csv or .jsonl"),
        ("orders", ("-o", "{tmp}/no/x.csv"), "{tmp}/no/x.csv cannot be written: No such file or directory"),
        ("orders", ("-o", "{tmp}", "--format", "csv"), "{tmp} cannot be written: it is a folder"),
        ("orders", ("-o", "/dev/null", "--format", "csv"), "/dev/null cannot be written: it is no plain file"),
        ("orders", ("-o", "-", "--format", "parquet"), "a Parquet file is not written to standard output"),
        ("orders", ("-o", "-", "--since", "yesterday"), "--since 'yesterday' is no time"),
        ("orders", (), "say where to, with -o FILE"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_written(
    exported_url: str, tmp_path: Path, stream: str, arguments: tuple[str, ...], said: str
) -> None:
    done = export(exported_url, *(one.format(tmp=tmp_path) for one in arguments), stream=stream)
    assert said.format(tmp=tmp_path) in done.stderr
    assert (done.returncode, done.stdout) == (2, "")
    assert list(tmp_path.iterdir()) == []


def test_without_pyarrow_only_a_parquet_file_is_refused(exported_url: str, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    missing.mkdir()
    (missing / "pyarrow.py").write_text("raise ImportError('no such module')", encoding="utf-8")
    environment = clean_environment(DATABASE_URL=exported_url, PYTHONPATH=f"{missing}{os.pathsep}{PROJECT}")
    for name, code in (("x.parquet", 2), ("x.csv", 0)):
        done = subprocess.run(
            [sys.executable, "-m", "scrapy", "export", "orders", "-o", str(tmp_path / name)],
            cwd=PROJECT,
            env=environment,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == code, done.stderr
        assert (tmp_path / name).exists() == (code == 0)
        assert ("pip install --require-hashes -r requirements-parquet.txt" in done.stderr) == (code == 2)


@pytest.mark.parametrize("name", ["x.csv", "x.parquet"])
def test_an_export_that_is_interrupted_leaves_the_former_file_and_the_next_one_leaves_nothing_else(
    database_url: str, tmp_path: Path, name: str
) -> None:
    store(database_url, {"a": "{}"})
    slowly = "LATERAL (SELECT pg_sleep(0.0001) FROM generate_series(1, 1000000)) AS slowly"
    # Rows that do not end: of the one that is stored, each after a while.
    execute_outside(
        database_url,
        f"ALTER TABLE {TABLE} RENAME TO stored;"
        f" CREATE VIEW {TABLE} AS SELECT event_id, occurred_at, payload, ingested_at FROM stored, {slowly}",
    )
    target = tmp_path / name
    target.write_text("former", encoding="utf-8")
    part = tmp_path / f".{name}.part"
    environment = clean_environment(DATABASE_URL=database_url)
    for number, code in ((signal.SIGTERM, 5), (signal.SIGKILL, -signal.SIGKILL)):
        process = start("scrapy", "export", "orders", "-o", str(target), environment=environment)
        eventually(part.exists, what="the part of the file")
        busy = export(database_url, "-o", str(target))
        assert (busy.returncode, "another process is exporting to it" in busy.stderr) == (2, True)
        process.send_signal(number)
        assert process.wait(60) == code
        assert target.read_text(encoding="utf-8") == "former"
        assert part.exists() == (number == signal.SIGKILL)
    execute_outside(database_url, f"DROP VIEW {TABLE}; ALTER TABLE stored RENAME TO {TABLE}")
    assert export(database_url, "-o", str(target)).returncode == 0
    assert list(tmp_path.iterdir()) == [target]
    assert target.read_bytes()[:6] != b"former"


@pytest.fixture
def exported_url(database_url: str) -> str:
    store(database_url, {"a": "{}", "b": "{}"})
    return database_url
