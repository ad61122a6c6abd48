"""What the page of what was tried calls the proof of a row is a test that is there."""

from __future__ import annotations

import re

from tests.unit.docs.pages import DOCS, PROJECT

PAGE = DOCS / "understand" / "reliability.md"
_TEST = re.compile(r"`([\w/]*\btest_\w+\.py)`")


def test_each_test_that_is_named_is_there() -> None:
    named = set(_TEST.findall(PAGE.read_text(encoding="utf-8")))
    there = {path.relative_to(PROJECT).as_posix() for path in (PROJECT / "tests").rglob("test_*.py")}
    there |= {path.rpartition("/")[2] for path in there}
    assert named
    assert named - there == set()
