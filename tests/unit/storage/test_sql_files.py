"""The named statements: each is used, and none forgets whose rows it touches."""

import re
from pathlib import Path

from datasync_spider.storage.statements import SEED_TABLE, names, statement

STORAGE = Path(__file__).resolve().parents[3] / "datasync_spider" / "storage"


def test_every_named_statement_is_used_by_the_code() -> None:
    code = "".join(path.read_text() for path in STORAGE.rglob("*.py"))
    assert [name for name in sorted(names()) if f'"{name}"' not in code] == []


def test_a_statement_has_neither_comments_nor_a_closing_semicolon() -> None:
    for name in names():
        text = statement(name)
        assert text
        assert not text.endswith(";")
        assert not any(line.startswith("--") for line in text.splitlines())


# Of old databases, from before there were slices, or of the catalog.
_BEFORE_SLICES = {"count_shared_rows", "find_our_schemas", "read_lock_holders", "estimate_rows", "read_begun_streams"}
# By a run, which is one slice's.
_BY_RUN = {"dashboard_recent_pages", "dashboard_series", "read_batch_counts"}
# The page lists the dead letters of all, each with its slice.
_OF_ALL = {"dashboard_dead_letter_ids"}
# Slices of one stream are made of the rows of all slices of another; a view is of all slices.
_OF_A_STREAM = {"read_parent_values", "read_sample", "read_all_payloads"}
_ROWS_OF_SLICES = re.compile(r"\b(rejected_events|event_conflicts|ingestion_pages)\b")


def test_no_statement_names_a_table_of_rows() -> None:
    for name in names() - _BEFORE_SLICES:
        assert SEED_TABLE not in statement(name), name
        assert "__" not in statement(name), name


def test_whatever_touches_rows_says_of_which_slice() -> None:
    for name in names() - _OF_A_STREAM:
        text = statement(name)
        if re.search(r"(FROM|JOIN|INTO|UPDATE|COPY) \{table\}", text) and not text.startswith("TRUNCATE"):
            assert re.search(r"\{of_slice\}|\{columns\}", text), name


def test_whatever_touches_dead_letters_conflicts_or_the_ledger_goes_by_slice_or_run() -> None:
    found = {name for name in names() if _ROWS_OF_SLICES.search(statement(name)) and "slice_id" not in statement(name)}
    assert found <= _BEFORE_SLICES | _BY_RUN | _OF_ALL
    assert found >= _BY_RUN | _OF_ALL
    assert all("run_id = " in statement(name) for name in _BY_RUN)
