"""Whatever is wrong with a source's file is reported at once, with its place, and nothing else is raised."""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasync_spider.errors import ConfigurationError, SourceRefused
from datasync_spider.sources.files.load import read_source
from tests.support.sourcetexts import FILE, REMOVED, changed, mistakes, only_mistake, plain, read, toml, without_slices

A_DOZEN = """
[source]
name = "my source"
base_url = "ftp://u:hunter2@api.example.com?key=hunter3"
haeders = { Authorization = "hunter4" }
auth = { type = "bearer", token = "hunter5" }

[streams.issues]
url = 7
query = { api_key = "hunter6", after = "{sinc}" }
page_size = { default = 500, max = 100 }
records = { path = "data..a", shape = "maps" }
id = "a..b"
order = "newest"
next = { from = "link:next", to = "query:page" }
end = ["no-nxt"]
every = "daily"
version = "revision"

[stream.pulls]
url = "/pulls"
"""


def test_a_dozen_mistakes_are_reported_together_each_with_file_table_key_and_what_is_allowed() -> None:
    with pytest.raises(SourceRefused) as caught:
        read_source(A_DOZEN, FILE)

    found = caught.value.mistakes
    for place in (
        "stream is no key of this table (did you mean streams?)",
        '[source] name is "my source":',
        '[source] base_url is "ftp://***@api.example.com?***":',
        "[source] haeders is no key of this table (did you mean headers?)",
        "[source] auth.token is ***:",
        "[streams.issues] url is 7:",
        "[streams.issues] query.api_key is ***:",
        "[streams.issues] query.after holds {sinc}",
        "[streams.issues] page_size.default is 500:",
        '[streams.issues] records.path is "data..a": it is no path',
        '[streams.issues] records.shape is "maps": it is none of these (did you mean map?)',
        '[streams.issues] id is "a..b":',
        '[streams.issues] order is "newest": it is none of these (did you mean newest-first?)',
        '[streams.issues] next.to is "query:page":',
        '[streams.issues] end is ["no-nxt"]: it holds what is none of these (did you mean no-next?)',
        '[streams.issues] every is "daily": it is no duration; allowed: ',
        "[streams.issues] version goes with mutable = true only",
    ):
        assert [text for text in found if text.startswith(f"{FILE}: {place}")] != [], place
    assert len(found) == 17
    assert all("allowed: " in text for text in found)
    assert "hunter" not in str(caught.value)


def test_a_refused_source_is_a_mistake_of_configuration_that_says_how_many_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r"^sources/plain.toml describes no source, for 17 mistakes:\n  "):
        read_source(A_DOZEN, FILE)


def test_a_source_with_every_key_is_read() -> None:
    assert read(plain()).name == "plain"
    assert read(without_slices()).streams["issues"].slices == ()


def test_the_source_that_comes_with_this_program_is_read_by_the_same_function_and_no_other_has_its_name() -> None:
    text = (files("datasync_spider.datasync") / "datasync.toml").read_text(encoding="utf-8")

    assert read_source(text, "datasync.toml", is_built_in=True).name == "datasync"
    for name in ("datasync", "DataSync"):
        assert f'[source] name is "{name}": it is the name of the source that comes with' in only_mistake(
            changed(plain(), "source.name", name)
        )


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        ("[source]\nname = \n", "at line 2, column 8"),
        ("[source]\nname = 'a'\nname = 'b'", "at line 3, the end"),
        ("a = " + "9" * 5000, "it is no TOML"),
        ("a = " + "[" * 100_000, "it is no TOML"),
        ("a = 2024-13-01", "at line 1"),
    ],
)
def test_what_is_no_toml_is_reported_with_its_line(text: str, reported: str) -> None:
    with pytest.raises(SourceRefused) as caught:
        read_source(text, FILE)

    (mistake,) = caught.value.mistakes
    assert mistake.startswith(f"{FILE}: it is no TOML")
    assert reported in mistake


def test_an_empty_file_lacks_source_and_streams() -> None:
    assert [text.partition(";")[0] for text in mistakes({})] == [
        f"{FILE}: [streams] is missing",
        f"{FILE}: [source] is missing",
    ]


def places(values: dict[str, Any], way: str = "") -> list[str]:
    """The path of each key, inner ones too, down to where the names are free."""
    found = []
    for key, value in values.items():
        path = f"{way}{key}"
        found.append(path)
        if isinstance(value, dict):
            found += places(value, f"{path}.")
    return [path for path in found if path not in {"source", "streams", "streams.issues"}]


def place_in_words(path: str) -> str:
    """As a mistake names it."""
    first, _, rest = path.partition(".")
    if first == "source":
        return f"[source] {rest}"
    stream, _, key = rest.partition(".")
    return f"[streams.{stream}] {key}"


@pytest.mark.parametrize("path", places(plain()))
def test_a_value_of_a_wrong_type_is_found_at_every_key_with_its_table(path: str) -> None:
    for wrong in (dt.datetime(2026, 1, 31, 12, 0, tzinfo=dt.UTC), [[{"a": 1}]]):
        found = mistakes(changed(plain(), path, wrong))

        assert [text for text in found if text.startswith(f"{FILE}: {place_in_words(path)} ")] != [], found
        assert all("allowed: " in text for text in found)


@pytest.mark.parametrize(
    "path", ["source", "streams", "streams.issues", *(path for path in places(plain()) if path.count(".") < 3)]
)
def test_nothing_that_depends_on_a_wrong_value_is_reported_beside_it(path: str) -> None:
    found = mistakes(changed(plain(), path, dt.date(2026, 1, 31)))

    assert len(found) == 1 or path == "streams", found


@pytest.mark.parametrize(
    "path",
    [
        "source.name",
        "source.base_url",
        "source.auth.type",
        "source.auth.token",
        "streams.issues.url",
        "streams.issues.records",
        "streams.issues.id",
        "streams.issues.order",
        "streams.issues.next",
        "streams.issues.next.from",
        "streams.issues.next.to",
        "streams.issues.end",
        "streams.issues.page_size.default",
        "streams.issues.tombstone.path",
        "streams.issues.tombstone.value",
        "streams.issues.incremental.type",
    ],
)
def test_a_key_that_must_be_there_is_reported_to_be_missing(path: str) -> None:
    assert only_mistake(changed(plain(), path, REMOVED)).startswith(f"{place_in_words(path)} is missing; allowed: ")


@pytest.mark.parametrize("path", ["source", "streams.issues", "streams.issues.next", "source.auth", "source.budget"])
def test_an_unknown_key_is_reported_without_its_value(path: str) -> None:
    reported = only_mistake(changed(plain(), f"{path}.passwort", "hunter2"))

    assert "passwort is no key of this table" in reported
    assert "hunter2" not in reported


def test_values_are_cut_and_cannot_move_the_cursor_of_a_terminal() -> None:
    assert '"xxx' in only_mistake(changed(plain(), "streams.issues.order", "x" * 5000))
    assert len(only_mistake(changed(plain(), "streams.issues.order", "x" * 5000))) < 200
    reported = only_mistake(changed(plain(), "streams.issues.order", "a\x9b2J\u202eb"))
    assert r"a\u009b2J\u202eb" in reported
    assert reported.isprintable()


def test_a_stream_of_an_odd_name_is_refused_by_it() -> None:
    assert only_mistake(changed(plain(), "streams", {"a b": plain()["streams"]["issues"]})).startswith(
        '[streams."a b"] is no name of a stream; allowed: '
    )


def test_mistakes_in_two_streams_are_reported_with_the_table_of_each() -> None:
    issues = plain()["streams"]["issues"]
    both = {"one": {**issues, "order": 1}, "two": {**issues, "end": []}}

    found = mistakes(changed(plain(), "streams", both))

    assert [text.partition(" is ")[0] for text in found] == [
        f"{FILE}: [streams.one] order",
        f"{FILE}: [streams.two] end",
    ]


scalars = st.one_of(
    st.booleans(),
    st.integers(-10, 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12).filter(lambda text: text.isprintable()),
    st.sampled_from(["secret:", "secret:A", "{slice.team}", "{", "{}", "{page_size", "url", "body:", "flag:=", "@"]),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "any", "a", ""]), inner),
    max_leaves=5,
)


CREDENTIALS: list[dict[str, Any]] = [
    {"type": "bearer", "token": "secret:A"},
    {"type": "headers", "headers": {"X-Key": "secret:A"}},
    {"type": "basic", "user": "me", "password": "secret:A"},
    {"type": "query", "query": {"key": "secret:A"}},
]
INNER = ["token", "headers", "headers.X-Key", "user", "password", "query", "query.key"]
PLACES = [*places(plain()), *(f"source.auth.{key}" for key in INNER)]


@settings(max_examples=8 * settings().max_examples)
@given(st.sampled_from(CREDENTIALS), st.lists(st.tuples(st.sampled_from(PLACES), values), min_size=1, max_size=3))
def test_whatever_stands_at_a_key_a_file_is_read_or_refused(
    auth: dict[str, Any], changes: list[tuple[str, Any]]
) -> None:
    made = changed(plain(), "source.auth", auth)
    for path, value in changes:
        try:
            made = changed(made, path, value)
        except (TypeError, KeyError, IndexError):
            continue

    with suppress(SourceRefused):
        read_source(toml(made), FILE)
