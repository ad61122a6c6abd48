"""What a file says of the shape of records, of their ids and times: what it becomes, and what is said of mistakes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft7Validator

from datasync_spider.sources.files.schema import schema_text
from datasync_spider.sources.inpython import checked
from datasync_spider.sources.paths import parse_path
from datasync_spider.sources.spec import Shape
from datasync_spider.sync.plan import fingerprint
from tests.support.sources import paths
from tests.support.sourcetexts import REMOVED, read
from tests.unit.sources.streams import issues, reported, stream

SHAPES: list[tuple[Any, tuple[str, ...], Shape]] = [
    ("data.items", ("data.items",), Shape()),
    ({"path": "data"}, ("data",), Shape()),
    ({"path": "data", "shape": "list", "null": "empty"}, ("data",), Shape(null_is_empty=True)),
    ({"path": ["a", "b"], "shape": "list"}, ("a", "b"), Shape()),
    ({"path": "data", "shape": "map"}, ("data",), Shape(kind="map")),
    ({"path": "@", "shape": "map", "key": "na me"}, ("@",), Shape(kind="map", key="na me")),
    ({"path": "e", "shape": "wrapped:a.node"}, ("e",), Shape(kind="wrapped", path=parse_path("a.node"))),
    ("data.edges[].a.node", ("data.edges",), Shape(kind="wrapped", path=parse_path("a.node"))),
    ("[].node", ("@",), Shape(kind="wrapped", path=parse_path("node"))),
    ("items[]", ("items",), Shape()),
    ({"path": "ids", "shape": "scalars"}, ("ids",), Shape(kind="scalars")),
    ({"path": "rows", "shape": "columns:meta.cols"}, ("rows",), Shape(kind="columns", path=parse_path("meta.cols"))),
    ({"shape": "python:own.readers:Csv"}, ("@",), Shape(kind="python", place="own.readers:Csv")),
]


@pytest.mark.parametrize(("given", "places", "shape"), SHAPES)
def test_a_shape_is_what_it_says_and_comes_back_out_of_python(
    given: Any, places: tuple[str, ...], shape: Shape
) -> None:
    source = read(issues("records", given))

    assert (source.streams["issues"].records, source.streams["issues"].shape) == (paths(*places), shape)
    assert checked(source, "again") == source


@pytest.mark.parametrize(
    ("records", "mistake"),
    [
        ({"shape": "map"}, "records.path is missing"),
        ({"path": "a", "shape": "maps"}, 'records.shape is "maps": it is none of these (did you mean map?)'),
        ({"path": "a", "shape": "wrapped:"}, 'records.shape is "wrapped:": a path must follow'),
        ({"path": "a", "shape": "columns"}, 'records.shape is "columns": a path must follow'),
        ({"path": "a", "shape": "wrapped:a..b"}, 'records.shape is "wrapped:a..b": it is no path'),
        ({"path": "a", "shape": "python:nothing"}, "records.shape is"),
        ({"path": "a", "shape": "python:a.b:C"}, "records.path does not go with a class"),
        ({"shape": "python:a.b:C", "null": "empty"}, "records.null does not go with a class"),
        ({"path": "a", "shape": "map:x"}, 'records.shape is "map:x"'),
        ({"path": "a", "key": "k"}, "records.key goes with shape map only"),
        ({"path": "a", "shape": "map", "key": ""}, 'records.key is "": it is empty'),
        ({"path": "a", "null": "error"}, 'records.null is "error"'),
        ({"path": "a", "shapes": "map"}, "records.shapes is no key of this table (did you mean shape?)"),
        ("wrapped:node", 'records is "wrapped:node": more than a path is said by a table'),
        ("a[].b[].c", 'records is "a[].b[].c": one [] may stand in it'),
        ("a[]b", 'records is "a[]b": one [] may stand in it'),
    ],
)
def test_what_is_wrong_with_a_shape_is_said(records: Any, mistake: str) -> None:
    assert reported("records", records).startswith(mistake)


IDS: list[tuple[Any, tuple[str, ...], str]] = [
    ("id", ("id",), "any"),
    (["id", "uuid"], ("id", "uuid"), "any"),
    ({"any": ["id", "uuid"]}, ("id", "uuid"), "any"),
    ({"all": ["account", "n.number"]}, ("account", "n.number"), "all"),
    ({"hash": True}, (), "hash"),
    ({"hash": True, "without": "fetched_at"}, ("fetched_at",), "hash"),
    ({"hash": True, "without": ["a", "meta.at"]}, ("a", "meta.at"), "hash"),
]


@pytest.mark.parametrize(("given", "places", "kind"), IDS)
def test_an_id_is_what_it_says_and_comes_back_out_of_python(given: Any, places: tuple[str, ...], kind: str) -> None:
    source = read(issues("id", given, mutable=False, version=REMOVED, tombstone=REMOVED, history=False))

    assert (source.streams["issues"].id, source.streams["issues"].id_kind) == (paths(*places), kind)
    assert checked(source, "again") == source


@pytest.mark.parametrize(
    ("id_", "mistake"),
    [
        ({}, "id is a table with more than one of any, all and hash, or none"),
        ({"any": "a", "all": ["a", "b"]}, "id is a table with more than one"),
        ({"all": ["a"]}, 'id.all is ["a"]: one part alone'),
        ({"all": ["a", "a"]}, 'id.all is ["a", "a"]: it holds the same twice'),
        ({"hash": False, "without": "a"}, "id.hash is false: it is not true"),
        ({"all": ["a", "b"], "without": "c"}, "id.without goes with hash = true only"),
        ({"hash": True, "without": "a[0]"}, 'id.without is "a[0]": an element of a list'),
        ({"hash": True}, "mutable is true, and id is a hash of the whole record"),
    ],
)
def test_what_is_wrong_with_an_id_is_said(id_: Any, mistake: str) -> None:
    assert reported("id", id_).startswith(mistake)


TIMES: list[tuple[Any, tuple[tuple[str, ...], str, str | None]]] = [
    ("at", (("at",), "auto", None)),
    ({"path": "at", "format": "ms"}, (("at",), "ms", None)),
    ({"any": ["at", "b.at"], "format": "iso", "zone": "America/Chicago"}, (("at", "b.at"), "iso", "America/Chicago")),
    ({"path": "at", "format": "%d/%m/%Y %H:%M", "zone": "-06:00"}, (("at",), "%d/%m/%Y %H:%M", "-06:00")),
    ({"path": "at", "zone": "UTC"}, (("at",), "auto", "UTC")),
    (REMOVED, ((), "auto", None)),
]


@pytest.mark.parametrize(("given", "expected"), TIMES)
def test_a_time_is_what_it_says_and_comes_back_out_of_python(given: Any, expected: Any) -> None:
    source = read(issues("time", given))
    found = source.streams["issues"]

    assert (found.time, found.time_format, found.time_zone) == (paths(*expected[0]), *expected[1:])
    assert checked(source, "again") == source


@pytest.mark.parametrize(
    ("time", "mistake"),
    [
        ({"path": "a", "format": "rfc822"}, 'time.format is "rfc822": it is none of these (did you mean rfc2822?)'),
        ({"path": "a", "format": "%d/%m %H:%M"}, 'time.format is "%d/%m %H:%M": it says no year'),
        ({"path": "a", "format": "%Y %Z"}, 'time.format is "%Y %Z": %Z is no part of a pattern'),
        ({"path": "a", "format": "%c"}, 'time.format is "%c": %c is no part'),
        ({"path": "a", "format": "%Y%"}, 'time.format is "%Y%": it is no pattern of strptime'),
        ({"path": "a", "format": "%G %H"}, 'time.format is "%G %H": it is no pattern of strptime'),
        ({"path": "a", "zone": "America/Chikago"}, 'time.zone is "America/Chikago": no zone of this name'),
        ({"path": "a", "zone": "+25:00"}, 'time.zone is "+25:00": it is no offset'),
        ({"path": "a", "zone": "localtime"}, 'time.zone is "localtime": it is another zone on each host'),
        ({"path": "a", "zone": "../UTC"}, 'time.zone is "../UTC": no zone'),
        ({"path": "a", "format": "s", "zone": "UTC"}, "time.zone goes with texts only"),
        ({"path": "a", "any": ["b"]}, "time is a table with both path and any"),
        ({"format": "iso"}, "time is a table with both path and any, or neither"),
    ],
)
def test_what_is_wrong_with_a_time_is_said(time: Any, mistake: str) -> None:
    assert reported("time", time).startswith(mistake)


LINES = {"next": {"from": "header:X-Next", "to": "query:cursor"}, "end": ["no-next"]}


@pytest.mark.parametrize(
    ("records", "shape"),
    [
        (REMOVED, Shape()),
        ("@", Shape()),
        ({"shape": "scalars"}, Shape(kind="scalars")),
        ({"path": "@", "shape": "wrapped:data"}, Shape(kind="wrapped", path=parse_path("data"))),
        ({"shape": "python:a.b:C"}, Shape(kind="python", place="a.b:C")),
    ],
)
def test_lines_have_no_path(records: Any, shape: Shape) -> None:
    source = read(issues("records", records, format="ndjson", **LINES))
    found = source.streams["issues"]

    assert (found.format, found.records, found.shape) == ("ndjson", paths("@"), shape)
    assert checked(source, "again") == source


@pytest.mark.parametrize(
    ("more", "mistake"),
    [
        ({"records": "data"}, "records is no place in a body of lines"),
        ({"records": {"shape": "map"}}, "records has the shape map, and format is ndjson"),
        ({"records": {"shape": "columns:a"}}, "records has the shape columns"),
        ({"records": "@", "next": {"from": "body:a", "to": "query:b"}}, "next.from is within a body"),
        ({"records": "@", "end": ["flag:a=1"]}, "end holds a flag within a body"),
    ],
)
def test_what_lines_have_no_place_for_is_said(more: dict[str, Any], mistake: str) -> None:
    assert reported("format", "ndjson", **{**LINES, **more}).startswith(mistake)


def test_another_format_is_refused() -> None:
    assert reported("format", "csv").startswith('format is "csv": it is none of these')


EVERY = [*(("records", given) for given, *_ in SHAPES), *(("id", given) for given, *_ in IDS)]
EVERY += [("time", given) for given, _ in TIMES]


@pytest.mark.parametrize(("key", "given"), EVERY)
def test_an_editor_takes_what_is_read(key: str, given: Any) -> None:
    Draft7Validator(json.loads(schema_text())).validate(issues(key, given))


def test_an_editor_takes_lines_without_a_path_and_nothing_else_without_one() -> None:
    validator = Draft7Validator(json.loads(schema_text()))
    validator.validate(issues("records", REMOVED, format="ndjson", **LINES))
    assert not validator.is_valid(issues("records", REMOVED))
    assert not validator.is_valid(issues("records", REMOVED, format="json"))


def test_records_must_be_said_where_the_body_is_json() -> None:
    assert reported("records", REMOVED).startswith("records is missing; allowed: a path")


def test_what_changes_the_meaning_of_a_stored_record_changes_the_fingerprint_and_the_rest_does_not() -> None:
    plain = fingerprint(stream("order", "newest-first"))
    assert (plain["records"], plain["id"], plain["time"]) == ("data.issues", "id or uuid", "updated_at")
    immutable = {"mutable": False, "version": REMOVED, "tombstone": REMOVED, "history": False}
    others: list[tuple[str, Any]] = [
        ("records", {"path": "data.issues", "shape": "map"}),
        ("records", {"path": "data.issues", "shape": "map", "key": "name"}),
        ("records", {"path": "data.issues", "shape": "wrapped:node"}),
        ("records", {"path": "data.issues", "shape": "wrapped:item"}),
        ("records", {"path": "data.issues", "shape": "scalars"}),
        ("records", {"path": "data.issues", "shape": "columns:names"}),
        ("records", {"shape": "python:a.b:C"}),
        ("records", {"shape": "python:a.b:D"}),
        ("id", {"all": ["id", "uuid"]}),
        ("id", {"hash": True}),
        ("id", {"hash": True, "without": ["id"]}),
        ("time", {"path": "updated_at", "format": "s"}),
        ("time", {"path": "updated_at", "format": "iso"}),
        ("time", {"path": "updated_at", "zone": "UTC"}),
    ]
    facts = [plain, *(fingerprint(stream(key, value, **immutable)) for key, value in others)]
    assert len({tuple(sorted(each.items())) for each in facts}) == len(facts)
    assert fingerprint(stream("records", {"path": "data.issues", "null": "empty"})) == plain
    assert fingerprint(stream("time", {"any": ["updated_at"], "format": "auto"})) == plain
