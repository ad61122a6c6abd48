"""A checkout of its own for ``scripts/release.sh``: the tracked files as they are here, committed, and a change log.

Invariant: nothing is committed or tagged in the checkout that these tests are in.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Those that a refusal needs, which comes before anything is built.
FOR_REFUSALS = ("datasync_spider/__init__.py", "scripts/pinned.sh", "scripts/release.sh")


class Checkout:
    """A git repository in ``folder``."""

    def __init__(self, folder: Path, files: Iterable[str] | None = None) -> None:
        self.folder = folder
        for name in _tracked() if files is None else files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
        self.git("init", "--quiet")
        self.git("config", "user.name", "Tester")
        self.git("config", "user.email", "tester@example.com")
        self.git("config", "commit.gpgsign", "false")
        self.git("config", "tag.gpgsign", "false")

    def git(self, *arguments: str) -> str:
        """What it prints."""
        done = subprocess.run(["git", *arguments], cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def commit_change_log(self, version: str, day: str | None = None) -> None:
        """With a section for the version, of today where no day is given; and all else that is new."""
        dated = day or f"{datetime.now(UTC):%Y-%m-%d}"
        (self.folder / "CHANGELOG.md").write_text(f"# Change log\n\n## {version} ({dated})\n", encoding="utf-8")
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--message", "All")

    def state(self) -> tuple[str, str, str]:
        """Commits with what they are called by, tags, and what is not committed."""
        return self.git("log", "--format=%H %d"), self.git("tag", "--list"), self.git("status", "--porcelain")

    def release(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "scripts/release.sh", *arguments],
            cwd=self.folder,
            env=os.environ | {"PYTHON": sys.executable},
            capture_output=True,
            text=True,
            check=False,
        )


def _tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]
