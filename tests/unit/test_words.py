"""One word for one thing: identifiers of the product have the words of the glossary, and none that was given up.

Looked at are names alone. Columns, keys of JSON and names of metrics are texts, and keep what users have stored.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PACKAGES = ("datasync_spider", "embedded_postgres")
# What was given up, and what is said in its place.
GIVEN_UP = {
    **dict.fromkeys(("told", "telling"), "reported, given"),
    **dict.fromkeys(("letter", "letters"), "dead_letter"),
    "unusable": "rejected",
    **dict.fromkeys(("books", "booked", "unbooked"), "totals, recorded"),
    **dict.fromkeys(("settle", "settled", "settles", "settling"), "resolve"),
    **dict.fromkeys(("walk", "walks", "walked"), "chain"),
    **dict.fromkeys(("sift", "sifted", "sifting"), "split known from new"),
    **dict.fromkeys(("twin", "twins"), "occurrence"),
    **dict.fromkeys(("variant", "variants"), "version"),
    "standing": "rate-limit status, ground of a chain",
    **dict.fromkeys(("lane", "room"), "slot, capacity"),
    **dict.fromkeys(("quicklook", "scrutiny", "tolerant"), "fast path, strict parser, recovery"),
    **dict.fromkeys(("touched", "untouched"), "modified"),
    **dict.fromkeys(("knowledge", "judge", "judging"), "remote_status, check, verdict"),
    **dict.fromkeys(("nobody", "somebody", "whoever"), "no_one, the caller, another process"),
}
# Where the word is another one, or a column's.
ELSEWHERE = {
    "datasync_spider/faces/dashboard/visible.py": {"letter", "letters"},
    "datasync_spider/ops/discovery/url/names.py": {"letters"},
    "datasync_spider/ops/discovery/limits.py": {"told"},
    "datasync_spider/sync/slicing/parent.py": {"unusable"},
    "datasync_spider/storage/ground.py": {"walk"},
    "datasync_spider/records/grammar.py": {"walk", "walked"},
    "datasync_spider/transport/trouble.py": {"walk"},
    **{f"datasync_spider/records/{name}.py": {"walk"} for name in ("literals", "recovery", "shapes")},
    **{f"datasync_spider/testing/{name}.py": {"walk"} for name in ("chains", "paginators")},
}
_PART = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")


def names_in(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg | ast.keyword) and node.arg:
            yield node.arg


def given_up_in(name: str) -> set[str]:
    parts = [part.lower() for part in _PART.findall(name)]
    before = ["", *parts]
    return {
        part
        for place, part in enumerate(parts)
        if part in GIVEN_UP and not (part.startswith("letter") and before[place] == "dead")
    }


@pytest.mark.parametrize("package", PACKAGES)
def test_no_name_of_the_product_has_a_word_that_was_given_up(package: str) -> None:
    paths = {path.relative_to(PROJECT).as_posix(): path for path in (PROJECT / package).rglob("*.py")}
    found = {
        f"{place}: {name}: say {GIVEN_UP[word]} for {word}"
        for place, path in paths.items()
        for name in {path.stem, *names_in(path.read_text(encoding="utf-8"))}
        for word in given_up_in(name) - ELSEWHERE.get(place, set())
    }
    assert not found, "\n".join(sorted(found))


def test_what_is_exempt_is_there() -> None:
    for place, words in ELSEWHERE.items():
        source = (PROJECT / place).read_text(encoding="utf-8")
        assert words <= set().union(*map(given_up_in, names_in(source))), place


@pytest.mark.parametrize("name", ["RejectedLetter", "_letters", "was_told", "Books", "HTTPWalk", "settle_staged"])
def test_a_word_is_found_in_any_kind_of_name(name: str) -> None:
    assert given_up_in(name)


@pytest.mark.parametrize("name", ["DeadLetter", "dead_letters", "stalled", "bookmark", "turned", "chain"])
def test_other_words_are_not_taken_for_it(name: str) -> None:
    assert not given_up_in(name)
