"""The compiled module in the environment that the scripts make: of these sources, or none, and never in the way."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.checkouts import ensure, let_it_answer, made, make_checkout

# What the scripts themselves need; a compiler is not among it.
_TOOLS = ("basename", "cat", "cksum", "dirname", "grep", "ls", "mkdir", "mv", "rm", "sed", "sh")
_MODULE = "datasync_columns.abi3.so"

pytestmark = pytest.mark.skipif(
    os.environ.get("REQUIRE_COMPILED") != "1"
    and not (shutil.which("cc") and Path(sysconfig.get_path("include"), "Python.h").exists()),
    reason="there is no C compiler, or no Python.h (REQUIRE_COMPILED=1 makes that a failure)",
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout that has its environment."""
    checkout = make_checkout(tmp_path_factory.mktemp("prepared") / "check out")
    result = ensure(checkout, "run")
    assert answer(result) == "1"
    assert warnings(result) == []
    return checkout


@pytest.fixture
def checkout(prepared: Path) -> Iterator[Path]:
    """The same for each test, since making an environment takes seconds; with a module that answers with 1."""
    columns = (prepared / "compiled/columns.c").read_bytes()
    assert answer(ensure(prepared, "run")) == "1"
    yield prepared
    (prepared / "compiled/columns.c").write_bytes(columns)
    let_it_answer(prepared, 1)


@pytest.fixture
def without_compiler(tmp_path: Path) -> str:
    """A PATH."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in _TOOLS:
        tool = shutil.which(name)
        assert tool is not None
        (folder / name).symlink_to(tool)
    return str(folder)


def answer(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 0, result.stderr
    return result.stdout.partition("answer: ")[2].strip()


def packages(checkout: Path) -> Path:
    (folder,) = checkout.glob(".venv/lib/python*/site-packages")
    return folder


def warnings(result: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in result.stderr.splitlines() if line.startswith("events are read without compiled code")]


def test_changed_sources_are_compiled_again_in_the_environment_as_it_stands(checkout: Path) -> None:
    (checkout / ".venv/kept").touch()
    let_it_answer(checkout, 2)

    changed = ensure(checkout, "run")

    assert answer(changed) == "2"
    assert "compiling what reads events" in changed.stderr
    assert not made(changed)
    assert (checkout / ".venv/kept").exists()
    assert ensure(checkout, "run").stderr == ""


def test_test_tools_that_are_added_leave_the_module_as_it_is(checkout: Path) -> None:
    added = ensure(checkout, "dev")
    assert answer(added) == "1"
    assert "installing requirements-dev.txt" in added.stderr
    assert "compiling" not in added.stderr


def test_two_checkouts_that_differ_each_find_their_own_in_one_environment(checkout: Path, tmp_path: Path) -> None:
    other = make_checkout(tmp_path / "other")
    let_it_answer(other, 2)

    of_the_other = ensure(other, "run", DATASYNC_VENV=str(checkout / ".venv"))
    again = ensure(checkout, "run")

    assert [answer(of_the_other), answer(again)] == ["2", "1"]
    assert [made(of_the_other), made(again)] == [False, False]


def test_who_has_the_older_module_loaded_keeps_it(checkout: Path) -> None:
    script = "import datasync_columns as it; print('loaded', flush=True); input(); print(it.answer())"
    crawl = subprocess.Popen(
        [checkout / ".venv/bin/python", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with crawl:
        assert crawl.stdout is not None
        assert crawl.stdout.readline() == "loaded\n"
        let_it_answer(checkout, 2)
        assert answer(ensure(checkout, "run")) == "2"
        out, _ = crawl.communicate("\n", timeout=60)
    assert (crawl.returncode, out) == (0, "1\n")


def test_a_missing_compiler_is_reported_once_and_one_that_comes_later_is_used(
    tmp_path: Path, without_compiler: str
) -> None:
    checkout = make_checkout(tmp_path / "fresh")
    first = ensure(checkout, "run", PATH=without_compiler)
    assert answer(first) == "none"
    (warning,) = warnings(first)
    for word in ("no C compiler", "three times the CPU time", "gcc python3-dev", "from the next start on"):
        assert word in warning

    again = ensure(checkout, "run", PATH=without_compiler)
    assert (answer(again), again.stderr) == ("none", "")

    later = ensure(checkout, "run")
    assert answer(later) == "1"
    assert not made(later)
    # It is not asked for again: the module is there.
    gone = ensure(checkout, "run", PATH=without_compiler)
    assert (answer(gone), gone.stderr) == ("1", "")


def test_a_missing_header_is_reported_once_and_one_that_comes_later_is_used(checkout: Path, tmp_path: Path) -> None:
    include = tmp_path / "include"
    # A module of sitecustomize's name would not do: Debian's Python has one of its own, which is found first.
    (packages(checkout) / "elsewhere.py").write_text(
        f"import sysconfig\nreal = sysconfig.get_path\n"
        f"sysconfig.get_path = lambda name: {str(include)!r} if 'include' in name else real(name)\n"
    )
    elsewhere = packages(checkout) / "elsewhere.pth"
    elsewhere.write_text("import elsewhere\n")
    let_it_answer(checkout, 2)

    changed = ensure(checkout, "run")
    again = ensure(checkout, "run")
    include.symlink_to(sysconfig.get_path("include"))
    later = ensure(checkout, "run")
    elsewhere.unlink()

    assert [answer(result) for result in (changed, again, later)] == ["none", "none", "2"]
    (warning,) = warnings(changed)
    assert f"no Python.h in {include}" in warning
    assert "python3-dev" in warning
    assert again.stderr == ""


@pytest.mark.parametrize(
    ("compiler", "why"),
    [
        ("false", "false ended with exit code 1"),
        ("true", "No such file"),  # it wrote nothing
        ("no-such-compiler", "there is no such program"),
    ],
)
def test_a_compiler_that_fails_leaves_no_older_module_and_is_asked_once(
    checkout: Path, compiler: str, why: str
) -> None:
    let_it_answer(checkout, 2)

    failed = ensure(checkout, "run", CC=compiler)

    assert answer(failed) == "none"
    (warning,) = warnings(failed)
    assert why in warning
    assert ensure(checkout, "run", CC=compiler).stderr == ""
    assert answer(ensure(checkout, "run")) == "2"


def test_sources_that_cannot_be_compiled_are_reported_with_the_compilers_own_word(checkout: Path) -> None:
    with (checkout / "compiled/answer.h").open("a") as header:
        header.write("#error this does not do\n")
    result = ensure(checkout, "run")
    assert answer(result) == "none"
    (warning,) = warnings(result)
    assert "this does not do" in warning


def test_a_module_that_cannot_be_loaded_does_not_stay(checkout: Path) -> None:
    source = checkout / "compiled/columns.c"
    source.write_text(source.read_text().replace("PyInit_datasync_columns", "PyInit_another"))
    result = ensure(checkout, "run")
    assert answer(result) == "none"
    assert "PyInit_datasync_columns" in warnings(result)[0]
    assert not (packages(checkout) / _MODULE).exists()


def test_a_module_that_pip_has_left_in_the_checkout_is_replaced_too(checkout: Path) -> None:
    stale = checkout / _MODULE
    stale.write_bytes(b"of other sources")
    let_it_answer(checkout, 2)
    ensure(checkout, "run")
    content = stale.read_bytes()
    stale.unlink()
    assert content == (packages(checkout) / _MODULE).read_bytes()
