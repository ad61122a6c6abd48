"""``columns`` in a source's file: what it may say, and what is said of what it may not."""

from __future__ import annotations

from typing import Any

import pytest

from datasync_spider.sources.columns import Column
from datasync_spider.sources.inpython import checked
from datasync_spider.sources.paths import parse_path
from tests.support.sourcetexts import changed, mistakes, plain, read

KEY = "streams.issues.columns"
ALLOWED = (
    '"auto", or a list of tables such as { path = "user.login", name = "author", type = "text" }, in which "auto" may'
    " stand, too"
)


def test_nothing_said_means_no_view_by_itself() -> None:
    stream = read(plain()).streams["issues"]
    assert (stream.columns, stream.keeps_view) == ((), False)


@pytest.mark.parametrize(
    ("columns", "is_auto", "declared"),
    [
        ("auto", True, []),
        (["auto"], True, []),
        ([{"path": "a.b"}], False, [Column(path=parse_path("a.b"))]),
        (
            ["auto", {"path": "tags[0]", "name": "Tag", "type": "text", "mask": True}],
            True,
            [Column(path=parse_path("tags[0]"), name="Tag", type="text", is_masked=True)],
        ),
    ],
)
def test_columns_are_read_and_a_source_in_python_says_the_same(
    columns: Any, is_auto: bool, declared: list[Column]
) -> None:
    source = read(changed(plain(), KEY, columns))
    stream = source.streams["issues"]
    assert (list(stream.columns), stream.keeps_view) == (declared, is_auto)
    assert checked(source, "source plain") == source


@pytest.mark.parametrize(
    ("columns", "reported"),
    [
        ("all", f'columns is "all": it is neither; allowed: {ALLOWED}'),
        ([], f"columns is []: it is neither; allowed: {ALLOWED}"),
        ({"path": "a"}, f"columns is a table: it is neither; allowed: {ALLOWED}"),
        ([{"name": "a"}], "columns[0].path is missing; allowed: "),
        ([{"path": "a", "tpye": "text"}], "columns[0].tpye is no key of this table (did you mean type?); allowed: "),
        ([{"path": "a", "type": "int"}], 'columns[0].type is "int": it is none of these'),
        ([{"path": "a", "name": "payload"}], 'columns[0].name is "payload": each table of a stream has, or may get,'),
        ([{"path": "a", "name": "x" * 64}], "it is longer than 63 bytes, or not printable"),
        (
            ["auto", {"path": "a", "name": "n"}, {"path": "b", "name": "n"}],
            'columns[2].name is "n": another column has',
        ),
        ([{"path": "@"}], 'columns[0].path is "@": it is the whole and no part of it'),
    ],
)
def test_what_a_file_may_not_say_is_reported_with_its_place(columns: Any, reported: str) -> None:
    (found,) = mistakes(changed(plain(), KEY, columns))
    assert reported in found
