"""The SQL that the pages give people to type is SQL that the tables take."""

from __future__ import annotations

from pathlib import Path

import psycopg2
import pytest

from tests.unit.docs.pages import PROJECT, markdown_files, read


@pytest.mark.parametrize("path", markdown_files(), ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_statement_of_a_page_runs(path: Path, database_url: str) -> None:
    connection = psycopg2.connect(database_url)
    try:
        with connection.cursor() as cursor:
            for block in read(path).blocks:
                if block.language == "sql":
                    cursor.execute("\n".join(block.lines))
    finally:
        connection.close()
