"""Where slices come from that do not stand in a file, and that what is found goes with the source as a file's would."""

from __future__ import annotations

from typing import Any

import pytest

from datasync_spider.errors import ConfigurationError
from datasync_spider.sources.inpython import checked
from datasync_spider.sources.paths import parse_path
from datasync_spider.sources.slicevalues import slice_names
from datasync_spider.sources.spec import OfSlice, SlicesFromCommand, SlicesFromStream, Source
from datasync_spider.sync.slicing.find import with_slices
from tests.support.sourcetexts import mistakes, only_mistake, read


def files(comments: Any, issues: Any = None, url: str = "/i/{slice.number}") -> dict[str, Any]:
    """A source of two streams, the second's slices as given."""
    plain = {
        "records": "@",
        "id": "id",
        "order": "none",
        "next": {"from": "body:next", "to": "url"},
        "end": ["no-next"],
    }
    given = {} if issues is None else {"slices": issues}
    streams = {"issues": {**plain, "url": "/issues", **given}, "comments": {**plain, "url": url, "slices": comments}}
    return {"source": {"name": "forge", "base_url": "https://forge.example.com"}, "streams": streams}


OF_ISSUES = {"stream": "issues", "values": {"number": "fields.number", "owner": "{slice.owner}"}}
OWNERS = [{"owner": "a"}, {"owner": "b"}]


@pytest.mark.parametrize(
    ("given", "issues", "expected"),
    [
        ({"command": ["./tenants.sh", "--all"]}, None, SlicesFromCommand(command=("./tenants.sh", "--all"))),
        (
            OF_ISSUES,
            OWNERS,
            SlicesFromStream(
                stream="issues", values={"number": parse_path("fields.number"), "owner": OfSlice(name="owner")}
            ),
        ),
        # Of a command no one knows the names before it is run.
        (OF_ISSUES, {"command": ["x"]}, SlicesFromStream),
    ],
)
def test_a_file_says_where_slices_come_from_and_python_says_the_same(given: Any, issues: Any, expected: Any) -> None:
    source = read(files(given, issues))

    found = source.streams["comments"].slices_from

    assert found == expected or isinstance(found, expected if isinstance(expected, type) else ())
    assert source.streams["comments"].slices == ()
    assert checked(source, "source forge") == source


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "slices is a table: it is no list of tables, and has neither command nor stream"),
        ({"command": ["x"], "stream": "issues"}, "slices.command stands beside stream"),
        ({"command": "x"}, "slices.command is ***: it is no list of texts"),
        ({"command": []}, "slices.command is ***: it is no list of texts"),
        ({"command": ["x", 1]}, "slices.command is ***: it is a number and no text"),
        ({"command": ["x", "secret:TOKEN"]}, "slices.command is ***: a secret in it could be seen by anybody"),
        ({"command": ["x"], "values": {"a": "b"}}, "slices.values stands beside command"),
        ({"command": ["x"], "shell": True}, "slices.shell is no key of this table"),
        ({"stream": "issues"}, "slices.values is missing, or no table"),
        ({"stream": "issues", "values": {}}, "slices.values is missing, or no table"),
        ({"stream": "issues", "values": {"number": 7}}, "slices.values.number is 7"),
        ({"stream": "issues", "values": {"number": "@"}}, 'slices.values.number is "@": it is the whole'),
        ({"stream": "issues", "values": {"number": "a{slice.x}"}}, "slices.values.number is"),
        ({"stream": "issues", "values": {"number": "{since}"}}, "slices.values.number is"),
        (
            {"stream": "issue", "values": {"number": "n"}},
            'slices.stream names "issue", which is no stream',
        ),
        (
            {"stream": "comments", "values": {"number": "n"}},
            "slices.stream names comments, whose slices are made",
        ),
        (OF_ISSUES, "slices.values.owner is {slice.owner}, which the slices of issues do not have; allowed: a path"),
        (
            {"stream": "issues", "values": {"no": "n"}},
            "url holds {slice.number}; allowed: {page_size}",
        ),
    ],
)
def test_a_mistake_in_it_is_said_with_its_place(given: Any, why: str) -> None:
    assert f"[streams.comments] {why}" in mistakes(files(given))[0]


def test_streams_whose_slices_are_made_of_each_other_are_refused() -> None:
    both = files({"stream": "issues", "values": {"number": "n"}}, {"stream": "comments", "values": {"number": "n"}})

    assert len(mistakes(both)) == 2


def test_a_slot_of_the_source_must_be_a_name_of_all_its_streams_slices_as_far_as_they_are_known() -> None:
    made = files({"command": ["x"]}, {"stream": "comments", "values": {"owner": "o"}})
    made["source"]["base_url"] = "https://forge.example.com/{slice.owner}"
    assert slice_names(read(made).streams["comments"]) is None
    made["streams"]["issues"]["slices"]["values"] = {"user": "o"}
    assert "base_url holds {slice.owner}, and [streams.issues] has user" in only_mistake(made)


def found(source: Source, *slices: dict[str, str | int]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        with_slices(source, "comments", slices)
    return str(caught.value)


def test_slices_that_were_found_go_where_those_of_a_file_may_go() -> None:
    source = read(files({"command": ["x"]}))
    assert with_slices(source, "comments", [{"number": 1}, {"number": "a/b"}]).streams["comments"].slices[1:]

    assert "[streams.comments] url holds {slice.number}; allowed: " in found(source, {"other": 1})
    assert "slices[1] does not fit into url: a step of its path" in found(source, {"number": 1}, {"number": ".."})
    hosts = read(files({"command": ["x"]}, url="https://{slice.number}.example.org/"))
    assert "slices[0] does not fit into url: it leads to another host" in found(hosts, {"number": "evil"})
