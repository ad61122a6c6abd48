"""What a command prints are slices, or a clear word about what is wrong with which line; and it ends in any case."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from datasync_spider.errors import ConfigurationError
from datasync_spider.sources.spec import SliceValues
from datasync_spider.sync.slicing.printed import slices_of_command
from tests.support.waiting import eventually


def printed(folder: Path, text: str, *arguments: str) -> list[SliceValues]:
    """What a script gives that is this Python."""
    script = folder / "tenants.py"
    script.write_text(text)
    return slices_of_command([sys.executable, str(script), *arguments], folder, "forge.comments", 30.0)


def printing(folder: Path, output: bytes) -> list[SliceValues]:
    return printed(folder, f"import sys; sys.stdout.buffer.write({output!r})")


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        printed(folder, text)
    return str(caught.value)


def test_each_line_is_a_slice_in_its_order(tmp_path: Path) -> None:
    output = '{"b": 2, "a": "x"}\r\n\n  {"a": "é\\u2028", "b": -7}\n{"a":"y","b":3}'.encode()

    assert printing(tmp_path, output) == [{"b": 2, "a": "x"}, {"a": "é\u2028", "b": -7}, {"a": "y", "b": 3}]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"no", "it is not JSON"),
        (b'{"a": 1', "it is not JSON"),
        (b"[" * 5_000, "it is not JSON"),
        (b'{"a": "\xff"}', "it is not UTF-8"),
        (b"[1]", "it is no object with names and values"),
        (b"{}", "it is no object with names and values"),
        (b'{"a": 1, "a": 2}', "it has a name twice"),
        (b'{"a": 1.5}', "'a': it is neither a text nor a whole number"),
        (b'{"a": true}', "'a': it is neither a text nor a whole number"),
        (b'{"a": null}', "'a': it is neither a text nor a whole number"),
        (b'{"a": ""}', "'a': it is empty"),
        (b'{"a b": 1}', "'a b': its name is no name of a slot"),
        (b'{"a": "\\u0000"}', "a character that no database can hold"),
        (b'{"a": "\\ud800"}', "half a character"),
        (b'{"a": "' + b"x" * 1_000 + b'"}', "it is longer than 1,000 bytes"),
        (b'{"b": 1}', "it has other names than the first one, which has a"),
        (b'{"a": "ok"}', "it is the same as an earlier one"),
    ],
)
def test_a_line_that_is_no_slice_is_named_by_its_number_and_costs_all(tmp_path: Path, line: bytes, why: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        printing(tmp_path, b'{"a": "ok"}\n\n' + line + b'\n{"a": "more"}\n')
    assert f"line 3 is no slice: {why}" in str(caught.value)


def test_the_same_number_as_text_asks_for_the_same(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="line 2 is no slice: it is the same as an earlier one"):
        printing(tmp_path, b'{"a": 7}\n{"a": "7"}\n')


def test_a_command_that_fails_says_what_it_said_and_nothing_that_moves_a_terminal(tmp_path: Path) -> None:
    reported = refusal(tmp_path, r"import sys; print('{\"a\": 1}'); sys.exit('first\nno \x1b[2Jtenant')")

    assert reported.startswith(
        f"the slices of forge.comments come from the command {sys.executable}, which ended with exit"
    )
    assert reported.endswith(":\n  first\n  no \N{REPLACEMENT CHARACTER}[2Jtenant")
    assert "signal 11" in refusal(tmp_path, "import os; os.kill(os.getpid(), 11)")
    assert len(refusal(tmp_path, "import sys; sys.stderr.write('x\\n' * 10**6); sys.exit(1)")) < 500


def test_a_command_that_prints_nothing_or_cannot_be_started_is_a_mistake(tmp_path: Path) -> None:
    assert refusal(tmp_path, "").endswith("which printed none; allowed: a JSON object in each line, at least one")
    (tmp_path / "plain.sh").write_text("echo")
    for name, why in (("./missing.sh", "No such file"), ("./plain.sh", "Permission denied")):
        with pytest.raises(ConfigurationError, match=f"cannot be started in {tmp_path}: {why}"):
            slices_of_command([name], tmp_path, "forge.comments")


def test_it_runs_in_the_folder_with_its_arguments_as_they_are_and_nothing_on_standard_input(tmp_path: Path) -> None:
    (tmp_path / "list.sh").write_text('#!/bin/sh\ncat\nprintf \'{"a": "%s"}\\n\' "$1" "$(pwd -P)"\n')
    (tmp_path / "list.sh").chmod(0o755)

    found = slices_of_command(["./list.sh", "$HOME; `id`"], tmp_path, "forge.comments")

    assert found == [{"a": "$HOME; `id`"}, {"a": str(tmp_path.resolve())}]


def test_one_that_does_not_end_is_ended_with_all_that_it_has_started(tmp_path: Path) -> None:
    script = tmp_path / "hangs.sh"
    script.write_text("#!/bin/sh\nsleep 600 &\necho $! > child\necho waiting >&2\nwait\n")
    script.chmod(0o755)

    with pytest.raises(ConfigurationError, match=r"did not end within 1 s:\n  waiting"):
        slices_of_command(["./hangs.sh"], tmp_path, "forge.comments", 1.0)

    child = int((tmp_path / "child").read_text())
    eventually(lambda: not is_running(child), what="the end of what it has started")


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # Its end may not have been noted yet.
    return ") Z " not in Path(f"/proc/{pid}/stat").read_text()


def test_a_hundred_thousand_are_taken_and_not_one_more(tmp_path: Path) -> None:
    lines = "\n".join(json.dumps({"number": number}) for number in range(100_001)).encode()

    assert len(printing(tmp_path, lines[: lines.rindex(b"\n")])) == 100_000
    with pytest.raises(ConfigurationError, match=r"line 100001 is no slice: there are more than 100,000"):
        printing(tmp_path, lines)
