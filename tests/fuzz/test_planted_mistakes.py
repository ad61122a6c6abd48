"""The fuzzer finds mistakes of the kinds that it is there for: each is planted into a copy of the sources."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.compiling import REQUIRED, SOURCES
from tests.support.fuzzing import CORPUS, NoFuzzer, build, fuzz

# Wide, for a machine with other things to do: each takes one or two.
_SECONDS = 60

_BEYOND_THE_END = {
    "a byte after the page is read, in a character that is cut off": (
        *("json.h", "if (end - at < count) return false;", "if (end - at + 1 < count) return false;"),
        "heap-buffer-overflow",
    ),
    "a byte after the page is read, in half of a surrogate pair": (
        *("json.h", "if (end - at < 6 || at[0] != '\\\\'", "if (end - at < 0 || at[0] != '\\\\'"),
        "heap-buffer-overflow",
    ),
}
_WRONG = {
    "one name more is kept than there is room for": (
        *("event.h", "around[MOST_STEPS]", "around[MOST_STEPS - 2]"),
        "out of bounds",
    ),
    "an id lasts when what it stood in comes again": (
        *("event.h", "values->there & ~(unsigned)name->below", "values->there"),
        "BROKEN",
    ),
    "an array counts though its name comes again": (
        *("page.h", "was_met[name - names->names] = true", "was_met[name - names->names] = false"),
        "BROKEN",
    ),
    "an id is a byte too long": (
        *("page.h", "(uint32_t)(event->id_end - event->id)", "(uint32_t)(event->id_end - event->id + 1)"),
        "BROKEN",
    ),
}


def _built(program: Path, sources: Path) -> Path:
    try:
        build(program, sources)
    except NoFuzzer as reason:
        if REQUIRED:
            pytest.fail(str(reason))
        pytest.skip(str(reason))
    return program


def _assert_found(tmp_path: Path, planted: tuple[str, str, str, str], seeds: Sequence[Path]) -> None:
    name, right, wrong, sign = planted
    sources, found = tmp_path / "compiled", tmp_path / "found"
    shutil.copytree(SOURCES, sources)
    found.mkdir()
    text = (sources / name).read_text(encoding="utf-8")
    assert text.count(right) == 1
    (sources / name).write_text(text.replace(right, wrong), encoding="utf-8")
    outcome = fuzz(_built(tmp_path / "scan", sources), _SECONDS, found, seeds)
    assert outcome.found_something, outcome.said
    assert sign in outcome.said
    assert list(found.glob("crash-*"))


@pytest.mark.parametrize("planted", _BEYOND_THE_END)
def test_a_byte_too_many_is_found_from_nothing_by_what_is_reached(tmp_path: Path, planted: str) -> None:
    _assert_found(tmp_path, _BEYOND_THE_END[planted], seeds=())


@pytest.mark.parametrize("planted", _WRONG)
def test_what_is_read_wrongly_is_found_from_the_corpus_on(tmp_path: Path, planted: str) -> None:
    _assert_found(tmp_path, _WRONG[planted], seeds=(CORPUS,))


def test_nothing_is_found_in_the_sources_as_they_are(tmp_path: Path) -> None:
    found = tmp_path / "found"
    found.mkdir()
    outcome = fuzz(_built(tmp_path / "scan", SOURCES), 1, found)
    assert not outcome.found_something, outcome.said


def test_the_corpus_is_small() -> None:
    sizes = [path.stat().st_size for path in CORPUS.iterdir()]
    assert 100 < len(sizes) < 300
    assert sum(sizes) < 300_000
