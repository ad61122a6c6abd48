"""Whether the tables are those that our migrations make, before anything is written to them or believed of them.

A table of one of our names may not be ours, or may have been altered by hand: without its key a row is stored
twice, under another type it is stored as something else, behind a trigger or a policy it is not stored at all, and no
statement fails. What is expected is derived, not written down again: ``migrations/shape.json`` is what a database
looks like after each migration, and a test makes it anew. Version 0 is a database that we have not migrated: it may
hold the first two tables as version 1 has them, to be adopted, and none of the others.

What may differ is whatever changes no row that we write: indexes, statistics, comments, grants, views on the tables,
foreign keys to them, the order of columns, further columns that may be left out, CHECK constraints. A row that breaks a
CHECK or a foreign key of other hands ends the run in any case, with the constraint's name, and nothing is lost.

Invariant: looks only, and only into the catalog.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from msgspec import Struct, field

from datasync_spider.errors import TableRefused
from datasync_spider.storage.connection import Connection, translated
from datasync_spider.storage.migrate import DIRECTORY, load_migrations
from datasync_spider.storage.statements import statement

SNAPSHOT = DIRECTORY / "shape.json"
Shape = dict[str, str]
"""A table as facts: ``column payload`` is ``jsonb NOT NULL``, ``primary key`` is ``(event_id)``."""

_RECORD = "schema_migrations"
_ADOPTABLE_AS = 1
_MOST_REPORTED = 5
_OF_SOME_ROWS = " of some rows"
_KINDS = {
    "r": "table",
    "p": "partitioned table",
    "v": "view",
    "m": "materialized view",
    "f": "foreign table",
    "S": "sequence",
    "c": "type",
    "i": "index",
    "I": "index",
}
REMEDY = (
    "put it right as docs/reference/tables.md has it, or rename what bears our table's name, or use another database"
)
# One thing that is spelt in more than one way.
_SAME_TYPES = {"timestamp(6) with time zone": "timestamp with time zone"}
_SAME_DEFAULTS = {"CURRENT_TIMESTAMP": "now()", "transaction_timestamp()": "now()", "'0'::bigint": "0"}


class Table(Struct):
    """``shape``: what is compared. ``flaws``: what no table of ours may have.

    ``optional``: columns that a row may leave out. ``keys``: of each unique index its columns, and the fact that it is,
    None where it is none that a table of ours may have.
    """

    shape: Shape = field(default_factory=dict)
    flaws: list[str] = field(default_factory=list)
    optional: set[str] = field(default_factory=set)
    keys: dict[str, tuple[frozenset[str], str | None]] = field(default_factory=dict)


def check_tables(connection: Connection) -> None:
    """Raises TableRefused where a table is not as the migrations that are recorded have made it."""
    faults = find_faults(connection)
    if faults:
        more = f"; and {len(faults) - _MOST_REPORTED} more" if len(faults) > _MOST_REPORTED else ""
        reported = "; ".join(faults[:_MOST_REPORTED])
        raise TableRefused(f"the tables are not as this program makes them: {reported}{more}. What to do: {REMEDY}")


def find_faults(connection: Connection) -> list[str]:
    """What is wrong with which table, each with what is expected. Rolls back.

    The tables are read together with their version: one that is migrated meanwhile is read again.
    """
    while True:
        version = _read_version(connection)
        tables = read_tables(connection)
        if _read_version(connection) == version:
            return list(_faults(tables, version))


def read_tables(connection: Connection, names: Iterable[str] | None = None) -> dict[str, Table]:
    """What there is under these names, by default those of our tables."""
    with translated(), connection.cursor() as cursor:
        cursor.execute(statement("read_shapes"), {"tables": sorted(_history() if names is None else names)})
        rows = cursor.fetchall()
        connection.rollback()
    tables: dict[str, Table] = {}
    for name, part, of, detail in sorted(rows, key=lambda row: row[:3]):
        _add(tables.setdefault(name, Table()), part, of, detail)
    return tables


def _read_version(connection: Connection) -> int:
    """How many migrations the database has."""
    with translated(), connection.cursor() as cursor:
        cursor.execute(statement("has_migrations_table"))
        row = cursor.fetchone()
        if row is None or not row[0]:
            connection.rollback()
            return 0
        cursor.execute(statement("count_migrations"))
        (count,) = cursor.fetchone() or (0,)
        connection.rollback()
    return int(count)


def _add(table: Table, part: str, name: str, detail: Mapping[str, Any]) -> None:
    match part:
        case "relation":
            table.shape["kind"] = _KINDS.get(name, f"relation of kind {name}")
            table.flaws += _relation_flaws(detail)
        case "column":
            table.shape[f"column {name}"] = _column(detail)
            if not detail["not_null"] or detail["default"] or detail["is_identity"]:
                table.optional.add(name)
        case "unique":
            _add_unique(table, name, detail)
        case "child":
            table.flaws.append(f"has the child {name}, whose rows its keys do not know")
        case _:
            table.flaws.append(f"has the {part} {name}, which may change or drop rows")


def _relation_flaws(detail: Mapping[str, Any]) -> Iterator[str]:
    if not detail["is_permanent"]:
        yield "is unlogged or temporary, so that a crash of the server empties it"
    if detail["has_row_security"]:
        yield "has row security, which hides or refuses rows"
    if detail["is_partition"]:
        yield "is a partition of another table"


def _column(detail: Mapping[str, Any]) -> str:
    words = [_SAME_TYPES.get(detail["type"], detail["type"])]
    if detail["collation"]:
        words.append(f"COLLATE {detail['collation']}")
    if detail["not_null"]:
        words.append("NOT NULL")
    if detail["is_identity"]:
        words.append("GENERATED AS IDENTITY")
    if detail["is_generated"]:
        words.append("GENERATED ALWAYS")
    if detail["default"]:
        words.append(f"DEFAULT {_SAME_DEFAULTS.get(detail['default'], detail['default'])}")
    return " ".join(words)


def _add_unique(table: Table, name: str, detail: Mapping[str, Any]) -> None:
    columns = detail["columns"] or []
    if detail["is_deferrable"]:
        table.flaws.append(f"has the deferrable key {name}, which ON CONFLICT cannot use")
        return
    fact = None
    # One that is not valid is what CREATE INDEX CONCURRENTLY has left: no key, and it may refuse rows all the same.
    if detail["is_valid"] and not detail["excludes"] and not detail["has_expressions"]:
        reported = f"({', '.join(columns)})"
        some = _OF_SOME_ROWS if detail["is_partial"] else ""
        fact = "primary key" if detail["is_primary"] else f"unique key {reported}{some}"
        table.shape[fact] = reported
    table.keys[name] = (frozenset() if detail["excludes"] else frozenset(columns), fact)


@cache
def _history() -> dict[str, dict[str, list[tuple[int, str | None]]]]:
    """By table and fact: since which version it is what; None: it is no longer."""
    snapshot: dict[str, dict[str, list[tuple[int, str | None]]]] = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    return snapshot


def _expected(table: str, version: int) -> Shape:
    shape = {}
    for fact, changes in _history()[table].items():
        reported = [text for since, text in changes if since <= version]
        if reported and reported[-1] is not None:
            shape[fact] = reported[-1]
    return shape


class Changed(Struct, frozen=True):
    """What migrations change of a table that is there: columns ``retyped`` and ``gone``, ``keys`` that are gone."""

    table: str
    retyped: tuple[str, ...]
    gone: tuple[str, ...]
    keys: tuple[str, ...]


def changes(version: int, target: int) -> list[Changed]:
    """What others may have built upon that will be something else, or nothing, at the version ``target``."""
    found = []
    for table in _history():
        before, after = _expected(table, version), _expected(table, target)
        columns = {fact.removeprefix("column "): fact for fact in before if fact.startswith("column ")}
        gone = tuple(column for column, fact in columns.items() if fact not in after)
        retyped = tuple(
            column
            for column, fact in columns.items()
            if column not in gone and _type(before[fact]) != _type(after[fact])
        )
        keys = tuple(fact for fact in before if "key" in fact.split(" (")[0].split() and fact not in after)
        if retyped or gone or keys:
            found.append(Changed(table, retyped, gone, keys))
    return found


def _type(column: str) -> str:
    return re.split(" (?:NOT NULL|GENERATED|DEFAULT)", column, maxsplit=1)[0]


def _faults(tables: Mapping[str, Table], version: int) -> Iterator[str]:
    record = tables.get(_RECORD)
    if record is not None:
        # Where this one is not ours, what it says of the others means nothing.
        faults = [*_compare(_RECORD, record, _expected(_RECORD, 0))]
        if faults or version > len(load_migrations()):
            yield from faults
            return
    for name in _history():
        found, expected = tables.get(name), _expected(name, version or _ADOPTABLE_AS)
        if name == _RECORD:
            continue
        if found is None:
            if version and expected:
                yield f"table {name} is missing, though migrations are recorded that made it"
        elif not expected:
            yield f"there is a {found.shape['kind']} {name}, whose name a migration of ours is to use"
        else:
            yield from _compare(name, found, expected)


def _compare(name: str, table: Table, expected: Shape) -> Iterator[str]:
    if table.shape["kind"] != expected["kind"]:
        yield f"{name} is a {table.shape['kind']}, expected a {expected['kind']}"
        return
    yield from (f"{name} {flaw}" for flaw in table.flaws)
    for fact, wanted in expected.items():
        found = table.shape.get(fact)
        if found != wanted:
            has = f"is {found}" if found else "is missing"
            yield f"{name}: {fact} {has}, expected {wanted}"
    for fact in sorted(table.shape.keys() - expected.keys()):
        column = fact.removeprefix("column ")
        if column != fact:
            yield from _further_column(name, column, table)
    yield from _further_keys(name, table, expected)


def _further_column(name: str, column: str, table: Table) -> Iterator[str]:
    if f"column {column}" in _history()[name]:
        yield f"{name}: column {column} is there, though no migration is recorded that made it"
    elif column not in table.optional:
        yield f"{name}: column {column} is not ours and may not be left out, expected none, or one with a default"


def _further_keys(name: str, table: Table, expected: Shape) -> Iterator[str]:
    """One that holds all columns of a key of ours refuses nothing that ours does not refuse."""
    facts = [
        fact for fact in expected if fact.startswith(("primary key", "unique key")) and not fact.endswith(_OF_SOME_ROWS)
    ]
    ours = [frozenset(expected[fact][1:-1].split(", ")) for fact in facts]
    for index, (columns, fact) in table.keys.items():
        if fact not in expected and not any(key <= columns for key in ours):
            yield f"{name}: unique index {index} is not ours and may refuse rows, expected none but ours"


def as_history(shapes: Iterable[Mapping[str, Table]]) -> dict[str, dict[str, list[tuple[int, str | None]]]]:
    """The snapshot of tables as they are after migration 0, 1 and so on."""
    history: dict[str, dict[str, list[tuple[int, str | None]]]] = {}
    for version, tables in enumerate(shapes):
        for name, table in tables.items():
            facts = history.setdefault(name, {})
            for fact in sorted(table.shape.keys() | facts.keys()):
                changes, now = facts.setdefault(fact, []), table.shape.get(fact)
                if now != (changes[-1][1] if changes else None):
                    changes.append((version, now))
    return {name: dict(sorted(facts.items())) for name, facts in sorted(history.items())}
