"""What a stream may declare of deletions, and what it becomes."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from datasync_spider.errors import SourceRefused
from datasync_spider.sources.files.load import read_source
from datasync_spider.sources.inpython import checked
from datasync_spider.sources.shifting import can_shift
from datasync_spider.sources.spec import Stream
from datasync_spider.sync.plan import fingerprint

FILE = """
[source]
name = "park"
base_url = "https://park.example"

[streams.items]
url = "/items"
records = "items"
id = "id"
end = ["no-next", "empty"]
deletions = "full-sync"
"""
CURSOR = 'next = { from = "body:next", to = "query:cursor" }'
COUNTER = 'next = { from = "counter:page", to = "query:page" }'
CHANGING = 'order = "newest-first"\nmutable = true\ntime = "at"\n' + CURSOR


def stream(more: str) -> Stream:
    return read_source(FILE + more, "park.toml").streams["items"]


def test_it_is_read_and_written_back() -> None:
    text = FILE + f'order = "none"\n{CURSOR}'
    source = read_source(text, "park.toml")
    assert source.streams["items"].marks_deleted
    assert checked(source, "a plug-in") == source
    assert not read_source(text.replace("deletions", "# deletions"), "park.toml").streams["items"].marks_deleted


@pytest.mark.parametrize(
    "more",
    [
        f'order = "none"\n{COUNTER}',
        CHANGING,
        f'{CHANGING}\nversion = "at"',
    ],
)
def test_where_places_can_shift_it_needs_a_total(more: str) -> None:
    with pytest.raises(SourceRefused, match=r"deletions is full-sync, and no total .*; allowed: full-sync with total"):
        stream(more)
    assert can_shift(stream(f'{more}\ntotal = "total"'))


@pytest.mark.parametrize(
    "more",
    [
        f'order = "none"\n{CURSOR}',
        f'order = "newest-first"\n{CURSOR}',
        f'{CHANGING}\nversion = "revision"',
        CHANGING.replace("newest", "oldest"),
    ],
)
def test_where_places_stay_or_changes_come_last_it_needs_none(more: str) -> None:
    assert not can_shift(stream(more))


@pytest.mark.parametrize(
    ("incremental", "why"),
    [
        ('{ type = "window", from = "a", to = "b", step = "1d", start = "2024-01-01" }', "in none of the windows"),
        ('{ type = "since", param = "a", start = "2024-01-01" }', "what is older would be taken for deleted"),
    ],
)
def test_what_no_sync_can_prove_is_refused(incremental: str, why: str) -> None:
    with pytest.raises(SourceRefused, match=why):
        stream(f'order = "oldest-first"\ntime = "at"\n{CURSOR}\nincremental = {incremental}')


def test_another_word_is_refused() -> None:
    with pytest.raises(SourceRefused, match=r"deletions is \'always\'|deletions .*allowed: full-sync"):
        read_source(FILE.replace("full-sync", "always") + f'order = "none"\n{CURSOR}', "park.toml")


def test_the_plan_does_not_change_how_records_are_known() -> None:
    one = stream(f'order = "none"\n{CURSOR}')
    assert fingerprint(one) == fingerprint(replace(one, marks_deleted=False))
