"""What one API calls its things stands in the file of its source, and no code knows it.

A name that code knows would hold for every other API as well. Looked for are the names that DataSync's answers and
requests have and this project's own do not.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from datasync_spider.config.sourcefiles import built_in_source
from datasync_spider.sources.secretnames import secret_places

PROJECT = Path(__file__).parents[2]
SEARCHED = ("datasync_spider", "compiled")
EXEMPT = {
    "datasync_spider/datasync/datasync.toml": "the file of the source itself",
    "datasync_spider/config/table.py": "its settings are older than sources, and are explained there",
}
WORDS = {
    # In any case, with hyphens or as a variable is written.
    "X-API-Key": re.compile(r"x[-_]api[-_]key", re.IGNORECASE),
    # The project's own column, field and attribute have these names in snake_case: there, only where it is a place in
    # an answer, as a path has it.
    "hasMore": re.compile(r"hasMore|(?:flag|body):(?:\w+\.)*has_more|(?:pagination|meta)\.has_more"),
    "nextCursor": re.compile(r"nextCursor|(?:flag|body):(?:\w+\.)*next_cursor|(?:pagination|meta)\.next_cursor"),
    "eventId": re.compile(r"eventId|(?:data|events)\[\d*\]\.event_id"),
    # A path that begins so. /api/events.json and ./events.js are the dashboard's own files, and committed/events is a
    # name of a stat: what stands before their slash is a word or a dot.
    "/events": re.compile(r"(?<![\w.])/events\b(?![.\w])"),
}
NO_TEXT = {".so", ".png", ".woff2", ".pyc"}


def found_in(text: str) -> set[str]:
    return {name for name, pattern in WORDS.items() if pattern.search(text)}


def files() -> dict[str, str]:
    """The text of all that is written by hand, by its path within the project."""
    paths = (path for folder in SEARCHED for path in sorted((PROJECT / folder).rglob("*")))
    return {
        path.relative_to(PROJECT).as_posix(): path.read_text(encoding="utf-8")
        for path in paths
        if path.is_file() and path.suffix not in NO_TEXT
    }


def test_no_code_knows_a_name_of_one_api() -> None:
    # A file of the catalog is what knows its API.
    texts = {path: text for path, text in files().items() if not path.startswith("datasync_spider/sources/catalog/")}
    found = {path: found_in(text) for path, text in texts.items() if path not in EXEMPT}
    assert len(found) > 300
    assert {path: names for path, names in found.items() if names} == {}


def test_nor_any_other_name_that_the_file_of_that_api_writes_in_camel_case() -> None:
    stream = built_in_source().streams["events"]
    places = (
        *(*stream.records, *stream.id, *stream.time, *stream.total, *stream.returned, *stream.request_id),
        *(*stream.cursor_seconds, *stream.next.paths, *(flag.path for flag in stream.end.flags)),
    )
    names = {str(step) for path in places for step in path.steps if not str(step).islower()}
    assert {"hasMore", "nextCursor", "eventId"} < names

    found = [
        (path, name)
        for path, text in files().items()
        if path not in EXEMPT
        for name in names
        if re.search(rf"\b{name}\b", text)
    ]
    assert found == []


@pytest.mark.parametrize("path", EXEMPT)
def test_each_exemption_is_needed(path: str) -> None:
    assert found_in(files()[path])


def test_the_file_of_the_source_has_them_all() -> None:
    assert found_in(files()["datasync_spider/datasync/datasync.toml"]) == set(WORDS)
    assert secret_places(built_in_source()).headers == {"X-API-Key"}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("page = body['hasMore']", {"hasMore"}),
        ('"flag:pagination.has_more=false"', {"hasMore"}),
        ('static const char next[] = "nextCursor";', {"nextCursor"}),
        ('"body:meta.next_cursor"', {"nextCursor"}),
        ("HEADER = b'x-api-key'", {"X-API-Key"}),
        ("HTTP_X_API_KEY", {"X-API-Key"}),
        ("each eventId is", {"eventId"}),
        ('url = f"{base}/events?limit=5"', {"/events"}),
        ("_FEED_PATH = '/events'", {"/events"}),
        ("the path ``/events``", {"/events"}),
        ("page.has_more, next_cursor, row.event_id, api_key", set()),
        ('"/api/events.json" and "./events.js" and "datasync/committed/events"', set()),
    ],
)
def test_what_is_looked_for_is_found_and_nothing_else(text: str, names: set[str]) -> None:
    assert found_in(text) == names
