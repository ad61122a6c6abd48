"""No byte outside of a row is read when rows are sorted and their ids come and go: as sanitizers see it."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

from tests.support.compiling import compile_program, needs_compiled
from tests.unit.storage.test_encoded import encoded

pytestmark = needs_compiled

_SANITIZED = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")


def many_ids() -> list[str]:
    chance = random.Random(11)
    event_ids = [f"{chance.getrandbits(128):032x}" for _ in range(20_000)]
    event_ids += ["x" * length for length in range(300)] + [f"alike in front {number}" for number in range(3_000)]
    event_ids += ["".join(chance.choices("aé☃\0", k=chance.randrange(12))) for _ in range(5_000)]
    chance.shuffle(event_ids)
    return event_ids


def framed(rows: list[bytes]) -> bytes:
    return b"".join(len(row).to_bytes(4, "little") + row for row in rows)


def test_no_sanitizer_finds_fault_with_sorting_and_the_order_is_pythons(tmp_path: Path) -> None:
    program = tmp_path / "sort_rows"
    compile_program(Path(__file__).parents[2] / "support" / "sort_rows.c", program, _SANITIZED)
    event_ids = many_ids()
    # No payloads: where an id ends, its row's memory ends soon after.
    rows = [row[: 4 + len(event_id.encode())] for row, event_id in zip(encoded(event_ids), event_ids, strict=True)]
    (tmp_path / "rows").write_bytes(framed(rows))
    done = subprocess.run([program, tmp_path / "rows"], capture_output=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    in_order = sorted(zip(event_ids, rows, strict=True), key=lambda row: row[0].encode())
    assert done.stdout == framed([row for _, row in in_order])
