"""The page about files of sources lists every key that is understood, and each of its examples is one that works."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from datasync_spider.sources.files import keys
from datasync_spider.sources.files.load import read_source
from datasync_spider.sources.spec import Meaning
from tests.unit.docs.pages import DOCS, Block, names, read

PAGE = DOCS / "sources" / "add-a-source.md"

TABLES = {
    "`[source]`": keys.SOURCE.known,
    "`auth`": tuple(dict.fromkeys(key for each in keys.AUTH.values() for key in each.known)),
    "`meanings`": keys.MEANING.known,
    "`budget`": keys.BUDGET.known,
    "`[streams.NAME]`": keys.STREAM.known,
    "`page_size`": keys.PAGE_SIZE.known,
    "`id`": keys.ID.known,
    "`time`": keys.TIME.known,
    "`next`": keys.NEXT.known,
    "`tombstone`": keys.TOMBSTONE.known,
    "`slices`": keys.SLICES.known,
    "`incremental`": keys.INCREMENTAL.known,
}


def examples() -> list[Block]:
    return [block for block in read(PAGE).blocks if block.language == "toml"]


@pytest.mark.parametrize("title", TABLES)
def test_every_key_that_is_understood_has_its_row(title: str) -> None:
    assert sorted(names(read(PAGE).section(title).rows())) == sorted(TABLES[title])


def test_every_table_that_has_keys_has_its_section() -> None:
    tables = [found for found in vars(keys).values() if isinstance(found, keys.Keys) and found.known]

    assert [table for table in tables if table is not keys.FILE and table.known not in TABLES.values()] == []


@pytest.mark.parametrize("block", examples(), ids=lambda block: f"line {block.line}")
def test_every_example_is_a_file_that_is_read(block: Block) -> None:
    assert read_source("\n".join(block.lines), f"{PAGE.name}, line {block.line}").streams


def test_the_first_example_is_short() -> None:
    assert len(examples()[0].lines) <= 20


def test_every_kind_of_credential_and_every_meaning_is_named() -> None:
    rows = {row[0]: row[1] for title in ("`auth`", "`meanings`") for row in read(PAGE).section(title).rows()}

    assert {f"`{name}`" for name in keys.AUTH} <= set(re.findall("`[a-z-]+`", rows["`type`"]))
    assert {f"`{name}`" for name in get_args(Meaning)} == set(re.findall("`[a-z-]+`", rows["`means`"]))
