"""No byte outside of a page is read, and nothing is undefined, whatever a page is: as sanitizers see it."""

from __future__ import annotations

import functools
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.compiling import compile_program, needs_compiled
from tests.support.scanning import split
from tests.unit.records.pagetexts import LIVE, body
from tests.unit.records.rawpages import many_pages

pytestmark = needs_compiled

_SANITIZED = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")
_FULL = (
    b' {"data" : [ {"id":"a\xc3\xa9\xe2\x98\x83\xf0\x9f\x98\x80 0123456789abcdef" , "x":"0123456789\\n\\ud83d\\ude00'
    b'0123456789abcdefg","timestamp":"2026-01-27T19:20:12.369123+05:30"},{"id":7,"timestamp":1769541612369,"y":'
    b'[true,false,null,-0.5e-3,{"z":[[],{}]}]},{"id":"b","occurredAt":"2026-01-27T19:20:12Z"} ],"hasMore" : false } '
)
_LARGE = body(b",".join(b'{"id":"%d","timestamp":"2026-01-27T19:20:12.369Z"}' % number for number in range(300)))


@functools.cache
def every_text() -> list[bytes]:
    return list(texts())


def texts() -> Iterator[bytes]:
    yield from many_pages(seed=2, count=15_000)
    # Cut everywhere, so that the end comes within each thing that a page may hold; strings of all lengths included.
    for whole in (LIVE, _FULL):
        yield from (whole[:length] for length in range(len(whole) + 1))
    for length in range(600):
        yield b'{"a":' + b"[" * length
        yield b'{"data":[' + b"[" * length + b"]" * length + b"]}"
        yield b'{"data":[{"id":"a","timestamp":"' + (b"2026-01-27T19:20:12." + b"3" * 600)[:length] + b'"}]}'
        yield b'{"data":["' + b"x" * length
    yield _LARGE


def verdict(text: bytes) -> str:
    """As the program has it, of the module in use."""
    found = split(text)
    if found is None:
        return "left"
    events, start, end = found
    _, times_us, fallbacks = events.columns()
    total = sum(time_us for time_us in times_us if time_us is not None) % 2**64
    return f"{len(events)} {fallbacks} {start} {end} {total}"


# The bytes of strings are looked at in another way where the processor has no SSE2.
@pytest.mark.parametrize("processor", [(), ("-U__SSE2__",)], ids=["as it is", "without SSE2"])
def test_no_sanitizer_finds_fault_and_the_verdicts_are_those_of_the_module_in_use(
    tmp_path: Path, processor: tuple[str, ...]
) -> None:
    program = tmp_path / "read_pages"
    compile_program(Path(__file__).parents[2] / "support" / "read_pages.c", program, [*_SANITIZED, *processor])
    every = every_text()
    pages = tmp_path / "pages"
    pages.write_bytes(b"".join(len(text).to_bytes(4, "little") + text for text in every))
    done = subprocess.run([program, pages], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    verdicts = done.stdout.splitlines()
    assert verdicts == [verdict(text) for text in every]
    assert len(every) / 10 < verdicts.count("left") < len(every) * 0.9


def test_the_sanitizer_would_see_a_byte_too_many(tmp_path: Path) -> None:
    careless = tmp_path / "careless.c"
    careless.write_text(
        '#include <stdio.h>\n#include "page.h"\n'
        "int main(void) {\n"
        "    unsigned char *text = malloc(3);\n"
        '    memcpy(text, "abc", 3);\n'
        '    printf("%d", skip_plain(text, text + 4) == text + 4);\n'
        "    free(text);\n"
        "}\n"
    )
    compile_program(careless, tmp_path / "careless", _SANITIZED)
    done = subprocess.run([tmp_path / "careless"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "heap-buffer-overflow" in done.stderr
