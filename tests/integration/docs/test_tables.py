"""docs/reference/tables.md lists the tables and columns of a migrated database, with their types."""

from __future__ import annotations

from tests.support.database import rows
from tests.unit.docs.pages import DOCS, first_code, read

PATH = DOCS / "reference" / "tables.md"
_COLUMNS = """
    SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull
    FROM pg_class AS c
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
    ORDER BY c.relname, a.attnum
"""
_SHORT = {"timestamp with time zone": "timestamptz"}


def documented() -> dict[str, list[tuple[str, str, bool]]]:
    return {
        first_code(section.title): [(first_code(name), type_, null == "") for name, type_, null, _ in section.rows()]
        for section in read(PATH).sections
        if section.level == 2 and section.title.startswith("`")
    }


def test_every_table_and_column_is_listed_with_its_type_and_no_other(database_url: str) -> None:
    found: dict[str, list[tuple[str, str, bool]]] = {}
    for table, column, type_, not_null in rows(database_url, _COLUMNS):
        found.setdefault(table, []).append((column, _SHORT.get(type_, type_), not_null))
    assert documented() == found


def test_every_column_is_explained() -> None:
    cells = [row for section in read(PATH).sections if section.title.startswith("`") for row in section.rows()]
    assert all(meaning for *_, meaning in cells)
