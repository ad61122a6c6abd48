"""docs/sources/add-an-auth.md: its example is whole and conforms, and the kit would find a mistake in it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

import pytest

from datasync_spider.testing.auths import NotConforming, check_auth
from tests.unit.docs.pages import DOCS, read

PAGE = read(DOCS / "sources" / "add-an-auth.md")


def blocks(language: str) -> str:
    (block,) = [block for block in PAGE.blocks if block.language == language]
    return "\n".join(block.lines)


def example() -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "storeauth"}
    exec(compile(blocks("python"), str(PAGE.path), "exec"), names)
    return names


def test_the_example_passes_its_own_test() -> None:
    names = example()
    names["test_the_api_takes_what_it_signs"]()
    assert tomllib.loads(blocks("toml"))["source"]["auth"]["type"] == "python:storeauth:HmacAuth"


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ({"headers": lambda self, method, url, body: {"X-Key": "k-4711"}}, "does not take GET"),
        ({"headers": lambda self, method, url, body: {"X-Key": 4711}}, "something else than names with texts"),
        ({"query": lambda self, method, url, body: {"signature": "x"}}, "which parameters does not name"),
        ({"headers": lambda self, method, url, body: 1 / 0}, "headers failed: ZeroDivisionError"),
        ({"headers": lambda self, method, url, body: {"X-Key": "a\nb"}}, "no header can carry it"),
        ({"parameters": "signature"}, "parameters is no list of names"),
    ],
)
def test_the_kit_would_find_a_mistake_in_it(broken: Mapping[str, Any], why: str) -> None:
    names = example()
    mistaken = type("Mistaken", (names["HmacAuth"],), dict(broken))
    with pytest.raises(NotConforming, match=why):
        check_auth(mistaken, names["StoreApi"]())


def test_an_api_that_takes_anything_proves_nothing() -> None:
    names = example()
    for accepts, why in ((lambda *_: True, "without a signature"), (lambda *_: False, "as it was signed")):
        careless = type("Careless", (names["StoreApi"],), {"accepts": accepts})
        with pytest.raises(NotConforming, match=why):
            check_auth(names["HmacAuth"], careless())
