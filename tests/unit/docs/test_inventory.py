"""The pages that list what the project consists of list all of it."""

from __future__ import annotations

import re

import datasync_spider
from datasync_spider import failpoints
from tests.unit.docs.pages import DOCS, PROJECT, names, read

PACKAGE = PROJECT / "datasync_spider"
DECISIONS = DOCS / "decisions"


def test_every_package_and_module_at_the_top_has_its_row_in_the_architecture() -> None:
    packages = [f"{path.parent.name}/" for path in PACKAGE.glob("*/__init__.py")]
    modules = [path.name for path in PACKAGE.glob("*.py") if path.name != "__init__.py"]
    reported = names(read(DOCS / "understand" / "architecture.md").section("What each package is for").rows())
    assert sorted(reported) == sorted(packages + modules)


def test_every_failpoint_is_listed() -> None:
    reported = names(read(PROJECT / "CONTRIBUTING.md").section("Failpoints").rows())
    assert sorted(reported) == sorted(failpoints.PLACES)


def test_decisions_are_numbered_without_a_gap_and_listed() -> None:
    files = sorted(path.name for path in DECISIONS.glob("*.md") if path.name != "README.md")
    assert [int(name[:4]) for name in files] == list(range(1, len(files) + 1))
    assert all(re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", name) for name in files)
    assert [link for link in read(DECISIONS / "README.md").links() if link[0].isdigit()] == files


def test_every_decision_says_what_was_decided_why_and_at_what_price() -> None:
    for path in DECISIONS.glob("[0-9]*.md"):
        titles = [section.title for section in read(path).sections if section.level == 2]
        assert titles == ["The question", "The decision", "Why", "The price"], path.name


def test_the_change_log_has_this_version() -> None:
    titles = [section.title for section in read(PROJECT / "CHANGELOG.md").sections if section.level == 2]
    assert any(title.startswith(datasync_spider.__version__) for title in titles)
