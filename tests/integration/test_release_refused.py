"""``scripts/release.sh`` releases nothing that is not committed, not newer, or not in the change log under its day."""

from __future__ import annotations

from pathlib import Path

import pytest

from datasync_spider import __version__
from tests.support.releases import FOR_REFUSALS, Checkout

NEXT = f"{int(__version__.split('.', maxsplit=1)[0]) + 1}.0.0"


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    made = Checkout(tmp_path / "checkout", FOR_REFUSALS)
    made.commit_change_log(NEXT)
    return made


def refused(checkout: Checkout, *arguments: str) -> str:
    before = checkout.state()
    done = checkout.release(*arguments)
    assert (done.returncode, done.stdout) == (2, ""), done.stdout + done.stderr
    assert checkout.state() == before
    return done.stderr


def test_a_tree_with_changes_is_refused(checkout: Checkout) -> None:
    (checkout.folder / "new").touch()
    assert "changes that are not committed" in refused(checkout, NEXT)


@pytest.mark.parametrize("text", ["1.2", "1.2.3.4", "v1.2.3", "1.2.3rc1", "01.2.3", "1.2.x", ""])
def test_what_is_not_three_numbers_is_no_version(text: str, checkout: Checkout) -> None:
    assert ("is no version" if text else "say which version") in refused(checkout, text)


def test_a_version_older_than_the_one_in_the_tree_is_refused(checkout: Checkout) -> None:
    assert f"0.0.9 is older than {__version__}" in refused(checkout, "0.0.9")


@pytest.mark.parametrize("tagged", [NEXT, NEXT.replace(".0.0", ".0.10"), NEXT.replace(".0.0", ".10.0")])
def test_a_version_that_is_not_greater_than_each_released_one_is_refused(tagged: str, checkout: Checkout) -> None:
    checkout.git("tag", "v0.1.0")
    checkout.git("tag", f"v{tagged}")
    checkout.git("tag", "v0.2.0")
    wanted = NEXT if tagged == NEXT else NEXT.replace(".0.0", ".0.9" if tagged.endswith(".10") else ".9.0")
    assert f"{wanted} is not greater than {tagged}, which is released" in refused(checkout, wanted)


@pytest.mark.parametrize("day", ["2001-01-01", "soon"])
def test_a_change_log_without_a_section_of_today_is_refused(day: str, checkout: Checkout) -> None:
    checkout.commit_change_log(NEXT, day)
    assert f"CHANGELOG.md has no section '## {NEXT} (" in refused(checkout, NEXT)


def test_checks_are_skipped_in_a_dry_run_alone(checkout: Checkout) -> None:
    assert "nothing is released unchecked" in refused(checkout, NEXT, "--skip-checks")


def test_checks_that_fail_leave_no_tag_and_a_way_back(checkout: Checkout) -> None:
    (checkout.folder / ".ci").mkdir()
    (checkout.folder / ".ci" / "run").write_text("exit 1\n")
    checkout.commit_change_log(NEXT)
    done = checkout.release(NEXT)
    assert done.returncode == 2
    assert "git reset --hard HEAD~1 takes that back" in done.stderr
    assert checkout.git("tag", "--list") == ""
    assert checkout.git("show", "--format=%s", "--stat").splitlines()[0] == f"Release {NEXT}"
    assert f'__version__ = "{NEXT}"' in (checkout.folder / "datasync_spider/__init__.py").read_text()
