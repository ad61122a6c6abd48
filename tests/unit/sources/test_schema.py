"""The published JSON Schema has the keys that files have, takes what is right and refuses what is not."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from datasync_spider.errors import SourceRefused
from datasync_spider.sources.files import keys
from datasync_spider.sources.files.keys import Keys
from datasync_spider.sources.files.load import read_source
from datasync_spider.sources.files.schema import schema, schema_text

PROJECT = Path(__file__).parents[3]
PUBLISHED = PROJECT / "docs" / "sources" / "source.schema.json"
_PACKAGE = PROJECT / "datasync_spider"
SHIPPED = [*sorted((_PACKAGE / "sources" / "catalog").glob("*.toml")), _PACKAGE / "datasync" / "datasync.toml"]
VALIDATOR = Draft7Validator(schema())

PLAIN = """
[source]
name = "hub"
base_url = "https://hub.example.com"
auth = { type = "bearer", token = "secret:HUB_TOKEN" }

[streams.records]
url = "/records"
query = { per_page = "{page_size}" }
page_size = { default = 20, max = 100 }
records = "@"
id = ["node_id", "id"]
time = "updated_at"
order = "newest-first"
next = { from = "link:next", to = "url" }
end = ["no-next", "flag:more=false"]
incremental = { type = "known" }
"""


def _tables() -> list[Keys]:
    found: list[Keys] = []
    for value in vars(keys).values():
        if isinstance(value, Keys):
            found.append(value)
        elif isinstance(value, dict):
            found += [one for one in value.values() if isinstance(one, Keys)]
    return found


def _properties(value: Any) -> Iterator[frozenset[str]]:
    if isinstance(value, dict):
        if isinstance(value.get("properties"), dict):
            yield frozenset(value["properties"])
        for one in value.values():
            yield from _properties(one)
    elif isinstance(value, list):
        for one in value:
            yield from _properties(one)


def _documented() -> list[str]:
    """The files that the pages show."""
    pages = [page.read_text(encoding="utf-8") for page in (PROJECT / "docs" / "sources").glob("*.md")]
    blocks = [block for page in pages for block in re.findall(r"```toml\n(.*?)```", page, re.DOTALL)]
    return [block for block in blocks if "[source]" in block and "[streams." in block]


def test_it_is_published_as_the_code_makes_it() -> None:
    assert PUBLISHED.read_text(encoding="utf-8") == schema_text(), "scrapy discover --schema > docs/sources/…"


def test_it_is_a_schema() -> None:
    Draft7Validator.check_schema(json.loads(schema_text()))


@pytest.mark.parametrize(
    "table", [table for table in _tables() if table.known], ids=lambda table: "-".join(table.known)
)
def test_each_table_has_the_keys_that_files_have_and_no_others(table: Keys) -> None:
    assert frozenset(table.known) in set(_properties(schema()))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_catalog_is_valid(path: Path) -> None:
    assert not list(VALIDATOR.iter_errors(tomllib.loads(path.read_text(encoding="utf-8"))))


@pytest.mark.parametrize("text", _documented())
def test_the_files_that_the_pages_show_are_valid(text: str) -> None:
    assert not list(VALIDATOR.iter_errors(tomllib.loads(text)))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('name = "hub"', 'name = "two words"'),
        ('name = "hub"\n', ""),
        ('base_url = "https:', 'base_url = "ftp:'),
        ('order = "newest-first"', 'order = "newest"'),
        ('order = "newest-first"\n', ""),
        ("order =", "ordre ="),
        ('from = "link:next"', 'from = "links:next"'),
        ('to = "url"', 'to = "page"'),
        ('"no-next"', '"never"'),
        ('"secret:HUB_TOKEN"', '"a-literal"'),
        ('type = "bearer"', 'type = "bear"'),
        ("default = 20", 'default = "20"'),
        ('type = "known"', 'type = "some"'),
        ('time = "updated_at"', "time = { at = 1 }"),
        ("[streams.records]", '[streams."a b"]'),
    ],
)
def test_what_is_wrong_for_the_reader_is_wrong_for_the_schema(right: str, wrong: str) -> None:
    assert right in PLAIN
    assert not list(VALIDATOR.iter_errors(tomllib.loads(PLAIN)))
    read_source(PLAIN, "hub.toml")
    text = PLAIN.replace(right, wrong)
    assert list(VALIDATOR.iter_errors(tomllib.loads(text)))
    with pytest.raises(SourceRefused):
        read_source(text, "hub.toml")
