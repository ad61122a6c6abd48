"""What the page of versions gives people to ask is answered as it says."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.support.database import rows, value
from tests.support.pages import event, page
from tests.support.runs import run_writer
from tests.unit.docs.pages import DOCS, read

NOW, AS_OF, CHANGES = range(3)
TIME = "2026-01-31 12:00:00Z"


def answer(url: str, place: int, at: datetime) -> list[tuple[Any, ...]]:
    """What the page's statement at this place gives, with another time."""
    block = read(DOCS / "operate" / "versions.md").blocks[place]
    return rows(url, "\n".join(block.lines).replace(TIME, at.isoformat()))


def test_each_question_of_the_page_has_its_answer(database_url: str) -> None:
    with run_writer(database_url, rule="last") as run:
        run.write(page(1, [event("a", 10, b'{"v":1}'), event("b", 10, b'{"v":1}')]))
        then = value(database_url, "SELECT clock_timestamp()")
        run.write(page(2, [event("a", 20, b'{"v":2}'), event("c", 10, b'{"v":1}')]))
    now = value(database_url, "SELECT clock_timestamp()")
    later = [("a", {"v": 2}), ("b", {"v": 1}), ("c", {"v": 1})]
    assert sorted(answer(database_url, NOW, now)) == later
    assert sorted(answer(database_url, AS_OF, now)) == later
    assert sorted(answer(database_url, AS_OF, then)) == [("a", {"v": 1}), ("b", {"v": 1})]
    changes = [(name, content["v"], ended is None) for name, content, _, ended in answer(database_url, CHANGES, then)]
    assert sorted(changes) == [("a", 1, False), ("a", 2, True), ("c", 1, True)]
    assert answer(database_url, CHANGES, now) == []
