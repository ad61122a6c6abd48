"""The page about files of sources lists every key that is understood, and each of its examples is one that works."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import get_args, get_type_hints

import pytest

from datasync_spider.sources.files import keys
from datasync_spider.sources.files.load import read_source
from datasync_spider.sources.paginators.choose import paginator
from datasync_spider.sources.spec import End, Meaning, Next, Stream
from tests.unit.docs.pages import DOCS, Block, names, read

PAGE = DOCS / "sources" / "add-a-source.md"

TABLES = {
    "`[source]`": keys.SOURCE.known,
    "`auth`": tuple(dict.fromkeys(key for each in keys.AUTH.values() for key in each.known)),
    "`answer`": keys.TOKEN_ANSWER.known,
    "`meanings`": keys.MEANING.known,
    "`budget`": keys.BUDGET.known,
    "`[streams.NAME]`": keys.STREAM.known,
    "`columns`": keys.COLUMN.known,
    "`body`": keys.BODY.known,
    "`page_size`": keys.PAGE_SIZE.known,
    "`records`": keys.RECORDS.known,
    "`id`": keys.ID.known,
    "`time`": keys.TIME.known,
    "`next`": keys.NEXT.known,
    "`tail`": keys.TAIL.known,
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

    assert {f"`{name}`" for name in keys.AUTH} <= set(re.findall("`[a-z0-9-]+`", rows["`type`"]))
    assert {f"`{name}`" for name in get_args(Meaning)} == set(re.findall("`[a-z-]+`", rows["`means`"]))


WAYS = read(PAGE).section("Ways of paging").rows()
WAY = """
[source]
name = "some"
base_url = "https://api.example.com"
[streams.records]
url = "/records"
query = {{ limit = "{{page_size}}" }}
page_size = 10
records = "data"
id = "id"
order = "none"
{more}
next = {next}
end = {end}
"""


def streams_of_the_ways() -> list[Stream]:
    found = []
    for _, next_, end in WAYS:
        more = (
            'method = "POST"\nbody = { json = { size = "{page_size}" } }'
            if "body:" in next_.partition("to =")[2]
            else ""
        )
        text = WAY.format(next=next_.strip("`"), end=end.strip("`"), more=more)
        found.append(read_source(text, next_).streams["records"])
    return found


def test_every_way_of_paging_is_one_that_a_file_may_say_and_a_class_does() -> None:
    for stream in streams_of_the_ways():
        if stream.next.source != "python":
            assert paginator(stream.next).ask(None).url is None


def test_every_kind_of_next_and_of_end_has_an_example() -> None:
    streams = streams_of_the_ways()
    steps = [step for stream in streams for step in (stream.next, *stream.next.beside)]
    ends = [stream.end for stream in streams]

    assert {step.source for step in steps} == kinds_of("source")
    assert {step.to for step in steps} == kinds_of("to")
    assert {step.name for step in steps if step.source == "counter"} == {"offset", "page"}
    assert any(stream.next.beside for stream in streams)
    assert {bool(step.first is None) for step in steps} == {True, False}
    assert all(any(given(end) for end in ends) for given in ENDS)


ENDS: tuple[Callable[[End], object], ...] = (
    lambda end: end.no_next,
    lambda end: end.empty,
    lambda end: end.short,
    lambda end: end.repeat,
    lambda end: end.statuses,
    lambda end: end.flags,
)


def kinds_of(part: str) -> set[str]:
    """All that the type of a part of ``Next`` allows."""
    return set(get_args(get_type_hints(Next)[part]))
