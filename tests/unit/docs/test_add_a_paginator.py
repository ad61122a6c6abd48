"""docs/sources/add-a-paginator.md: its example is whole, conforms, and its steps name what there is."""

from __future__ import annotations

import re
from typing import Any

import pytest

from datasync_spider.testing.paginators import NotConforming, check_paginator
from tests.unit.docs.pages import DOCS, PROJECT, read

PAGE = read(DOCS / "sources" / "add-a-paginator.md")


def example() -> dict[str, Any]:
    (block,) = [block for block in PAGE.blocks if block.language == "python"]
    names: dict[str, Any] = {"__name__": "the_example"}
    exec(compile("\n".join(block.lines), str(PAGE.path), "exec"), names)
    return names


def test_the_example_passes_its_own_test() -> None:
    example()["test_it_keeps_what_a_crawl_relies_on"]()


def test_the_test_of_the_example_would_find_a_mistake_in_it() -> None:
    names = example()

    by_two = {"following": lambda self, position, answer: str(int(position or "1") + 2)}
    broken = type("ByTwo", (names["OfManyPages"],), by_two)
    with pytest.raises(NotConforming, match="which the API never named"):
        check_paginator(lambda: broken(None), names["ArticlesApi"]())


def test_the_example_is_about_as_long_as_is_said() -> None:
    (block,) = [block for block in PAGE.blocks if block.language == "python"]
    assert len([line for line in block.lines if line.strip() and "import" not in line]) <= 40


def test_every_file_that_the_steps_name_is_there() -> None:
    named = {span for span in PAGE.code_spans() if re.fullmatch(r"[a-z_]+(?:/[a-z_]+)+(?:\.py|/)", span)}
    assert "datasync_spider/sources/files/nextends.py" in named
    assert [span for span in named if not (PROJECT / span).exists()] == []


def test_every_class_of_a_paginator_has_its_row() -> None:
    found = {
        name
        for path in (PROJECT / "datasync_spider" / "sources" / "paginators").glob("*.py")
        for name in re.findall(r"^class (\w+Paginator)\b", path.read_text(), re.MULTILINE)
    }
    assert len(found) == 8
    assert found == {row[1].strip("`") for row in PAGE.rows() if row[1].endswith("Paginator`")}
