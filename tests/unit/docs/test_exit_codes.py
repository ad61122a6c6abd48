"""The exit codes are the same in the code, on their page, in the README and in what run-ingestion.sh prints."""

from __future__ import annotations

import pkgutil
import re
from pathlib import Path

import pytest

import datasync_spider.commands
from datasync_spider.observe import exitcodes
from tests.unit.docs.pages import DOCS, PROJECT, Section, names, read

CODES = sorted(value for name, value in vars(exitcodes).items() if name.isupper() and isinstance(value, int))
STATUSES = ("running", "complete", "incomplete", "stopped", "failed", "fenced")
MIGRATION = PROJECT / "migrations" / "0003_runs.sql"


def first_numbers(section: Section) -> list[int]:
    return [int(row[0].strip("`")) for row in section.rows()]


@pytest.mark.parametrize(
    ("path", "title"),
    [(DOCS / "reference" / "exit-codes.md", "Of a crawl"), (PROJECT / "README.md", "Exit codes")],
    ids=["exit-codes.md", "README.md"],
)
def test_every_exit_code_is_listed_and_no_other(path: Path, title: str) -> None:
    assert first_numbers(read(path).section(title)) == CODES


def test_every_status_of_a_run_is_listed_with_the_exit_code_that_it_leads_to() -> None:
    rows = read(DOCS / "reference" / "exit-codes.md").section("From a run's status").rows()
    assert {row[0].strip("`"): int(row[1]) for row in rows} == {
        status: exitcodes.exit_code(status) for status in STATUSES
    }


def test_every_other_command_is_listed_with_its_exit_codes() -> None:
    reported = names(read(DOCS / "reference" / "exit-codes.md").section("Of the other commands").rows())
    ours = {module.name for module in pkgutil.iter_modules(datasync_spider.commands.__path__)}
    assert {command.split()[1] for command in reported} == ours - {"crawl"}


def test_the_statuses_are_those_that_the_table_of_runs_allows() -> None:
    (allowed,) = re.findall(r"CHECK \(status IN \(([^)]*)\)\)", MIGRATION.read_text(encoding="utf-8"))
    assert sorted(re.findall(r"'(\w+)'", allowed)) == sorted(STATUSES)


def test_the_status_table_of_the_delivery_page_says_the_same() -> None:
    rows = read(DOCS / "understand" / "delivery.md").section("A run, and how it may end").rows()
    reported = {row[0].strip("`"): int(row[2]) for row in rows}
    assert reported == {status: exitcodes.exit_code(status) for status in STATUSES if status != "running"}


def test_the_help_of_run_ingestion_sh_lists_every_exit_code() -> None:
    text = (PROJECT / "run-ingestion.sh").read_text(encoding="utf-8")
    (reported,) = re.findall(r"^exit codes: (.*?)^USAGE", text, re.MULTILINE | re.DOTALL)
    assert [int(number) for number in re.findall(r"(?:^|·)\s*(\d) ", reported)] == CODES
