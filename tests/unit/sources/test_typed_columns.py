"""Kinds of JSON values, what several of them make together, and how columns are called."""

from __future__ import annotations

import json

import pytest

from datasync_spider.sources.columns import (
    FIXED,
    TYPES,
    Column,
    Type,
    column_name,
    fits,
    is_masked,
    kind_of,
    merged,
    named,
    plain_name,
    record_of,
)
from datasync_spider.sources.fields import MOST_FIELDS, Fields
from datasync_spider.sources.paths import Path, parse_path
from datasync_spider.sources.sqlwords import RESERVED
from datasync_spider.sources.viewcolumns import MOST_INFERRED, ViewColumn, plan_view
from tests.support.changingfeed import ODD_NAMES, ODD_NUMBERS, ODD_OTHERS, ODD_TEXTS, misfit, parsed

ODD = [*ODD_NUMBERS, *map(json.dumps, [*ODD_TEXTS, *ODD_OTHERS])]


@pytest.mark.parametrize("type_", TYPES)
def test_whether_a_value_fits_is_what_the_oracle_says(type_: Type) -> None:
    differing = [text for text in ODD if fits(record_of(text), type_) is misfit(parsed(text), type_)]
    assert differing == []


@pytest.mark.parametrize("text", ODD)
def test_a_value_fits_its_own_kind_and_what_that_is_merged_to(text: str) -> None:
    value = record_of(text)
    kind = kind_of(value)
    assert (kind is None) == (value is None)
    for type_ in TYPES:
        both = merged(kind, type_)
        assert both is not None
        assert fits(value, both)
        assert both == merged(type_, kind)
    assert merged(kind, None) == merged(None, kind) == kind


def test_merging_does_not_depend_on_the_order() -> None:
    kinds: list[Type | None] = [None, *TYPES]
    for first in kinds:
        for second in kinds:
            for third in kinds:
                assert merged(merged(first, second), third) == merged(first, merged(second, third))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("id", "id"),
        ("userId", "user_id"),
        ("user.htmlURL", "user_html_url"),
        ("HTTPServer", "http_server"),
        ('"@odata.etag"', "odata_etag"),
        ("foo-bar", "foo_bar"),
        ("items[0].id", "items_0_id"),
        ("2fa", "_2fa"),
        ('"?!"', "field"),
        ("Größe", "größe"),
        ("user", "user_"),
        ("event_id", "event_id_"),
    ],
)
def test_a_column_is_called_in_snake_case(path: str, name: str) -> None:
    assert plain_name(parse_path(path)) == name


def test_names_are_short_and_unlike_and_do_not_depend_on_the_order() -> None:
    paths = [Path((name,)) for name in ODD_NAMES] + [Path(("author", name)) for name in ODD_NAMES]
    names = named(paths, ["taken"])
    assert len(set(names.values())) == len(paths)
    assert all(len(name.encode()) <= 63 for name in names.values())
    assert not {*names.values()} & {*FIXED, *RESERVED, "taken"}
    assert named(paths[::-1], ["taken"]) == names
    # What is called as it is written has its name before others that would be called so.
    assert names[Path(("foo_bar",))] == "foo_bar"
    assert column_name(Path(("fooBar",)), {"foo_bar"}).startswith("foo_bar_")


def test_objects_are_their_members_unless_something_else_is_there() -> None:
    fields = Fields()
    fields.add({"a": {"b": 1, "c": {"d": 1}}, "e": {}, "f": {"g": 1}, "h": None})
    fields.add({"a": None, "f": "text"})
    kinds = {str(found.path): found.kind for found in fields.columns()}
    assert kinds == {"a.b": "bigint", "a.c": "jsonb", "e": "jsonb", "f": "jsonb"}


def test_what_is_remembered_is_bounded() -> None:
    fields = Fields()
    for n in range(300):
        fields.add({"map": {f"{n}-{m}": m for m in range(50)}, **{f"{n}-{m}": m for m in range(50)}})
    assert fields.is_cut
    assert len(list(fields)) <= MOST_FIELDS
    assert [found.kind for found in fields.columns() if found.path == Path(("map",))] == ["jsonb"]


def test_a_record_that_is_too_deep_to_be_read_stops_nothing() -> None:
    deep = '{"a":' * 100_000 + "1" + "}" * 100_000
    assert record_of(deep) is None
    fields = Fields()
    fields.add(record_of(deep))
    assert fields.records == 1


def test_the_columns_that_most_records_have_come_first_where_not_all_can() -> None:
    fields = Fields()
    fields.add({f"wide_{n}": n for n in range(2_000)} | {"usual": 1})
    fields.add({"usual": 1})
    plan = plan_view((), (), fields, may_retype=False)
    assert len(plan.columns) == MOST_INFERRED
    assert "usual" in {column.name for column in plan.columns}
    assert plan.notes == [
        "1,501 fields have no column, since 500 are made at most: columns of the source can name those that are wanted"
    ]
    # They are not distinguished again once there is no room.
    again = plan_view(plan.columns, (), fields, may_retype=False)
    assert again.columns == plan.columns


def test_an_example_is_masked_with_what_it_is_a_part_of_and_its_parts() -> None:
    masked = [Path(("user", "email"))]
    paths = {"user": True, "user.email": True, "user.email[0]": True, "user.login": False, "email": False}
    assert {text: is_masked(parse_path(text), masked) for text in paths} == paths


def test_a_declared_type_is_not_widened_by_what_is_stored() -> None:
    known = [ViewColumn(Path(("n",)), "n", "bigint")]
    fields = Fields({Path(("n",)): "bigint"})
    fields.add({"n": "x"})
    declared = [Column(path=Path(("n",)), type="bigint")]
    assert plan_view(known, declared, fields, may_retype=True).columns == known
    assert plan_view(known, [], fields, may_retype=True).columns == [ViewColumn(Path(("n",)), "n", "jsonb")]


def test_numbers_that_are_whole_fit_a_bigint_and_need_no_other_type() -> None:
    known = [ViewColumn(Path(("n",)), "n", "bigint")]
    fields = Fields({Path(("n",)): "bigint"})
    fields.add({"n": 5.0})
    plan = plan_view(known, [], fields, may_retype=True)
    assert plan.columns == known
    assert plan.notes == []
