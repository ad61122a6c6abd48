"""The wheels, built of the tracked files, and clean environments that they are installed in."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from tests.support.crawl import clean_environment
from tests.support.pythons import pythons_with_headers

ROOT = Path(__file__).resolve().parents[2]
# Whatever would lead to the checkout, or to this environment.
_NOT_INHERITED = {"PYTHONPATH", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE", "SCRAPY_SETTINGS_MODULE", "SCRAPY_PROJECT"}


def python_of(version: str) -> str | None:
    """The interpreter of that version, where this machine has one that makes environments."""
    python = pythons_with_headers().get(version)
    done = subprocess.run([python, "-c", "import venv"], check=False) if python else None
    return python if done is not None and done.returncode == 0 else None


def _pins() -> str:
    return (ROOT / "requirements.txt").read_text(encoding="utf-8")


def wheels_in(folder: Path) -> dict[str, Path]:
    """Both, by ``compiled`` and ``pure``."""
    (compiled,) = folder.glob("*-cp311-abi3-*.whl")
    (pure,) = folder.glob("*-py3-none-any.whl")
    return {"compiled": compiled, "pure": pure}


class Installed:
    """An environment that holds a wheel with its pinned requirements, and a user who has nothing else."""

    def __init__(self, python: str, wheel: Path, folder: Path) -> None:
        self.folder = folder
        self._bin = folder / "env" / "bin"
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        # pip is expensive: one outside serves the environment as well as one inside.
        subprocess.run([python, "-m", "venv", "--without-pip", folder / "env"], check=True)
        if python == sys.executable:
            self._copy_pins()
            self._pip("install", "--no-compile", "--no-index", "--no-deps", str(wheel))
            self._pip("check")
            return
        # The wheel's own requirements have to be among the pinned ones: pip installs nothing without a hash here.
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        listed = folder / "requirements.txt"
        listed.write_text(
            f"{_pins()}\ndatasync-ingestion @ {wheel.as_uri()} --hash=sha256:{digest}\n", encoding="utf-8"
        )
        self._pip("install", "--no-compile", "--require-hashes", "-r", str(listed))

    def _pip(self, *arguments: str) -> None:
        pip = [sys.executable, "-m", "pip", "--python", str(self._bin / "python"), "--quiet", "--no-input"]
        done = subprocess.run([*pip, *arguments], capture_output=True, text=True, check=False, cwd=self.home)
        assert done.returncode == 0, done.stdout + done.stderr

    def _copy_pins(self) -> None:
        """As pip has put them into this environment, from the same pins and with their hashes: half a minute saved.

        Without the programs, which name the Python of this environment.
        """
        (packages,) = (self.folder / "env").glob("lib/python*/site-packages")
        for name, version in re.findall(r"^([\w.-]+)==(\S+)", _pins(), re.MULTILINE):
            try:
                found = distribution(name)
            except PackageNotFoundError:
                continue  # it is for other platforms; pip looks at the whole afterwards
            assert found.version == version, f"{name} is here as {found.version}: sh run-tests.sh makes .venv anew"
            for file in found.files or []:
                if ".." not in file.parts:
                    (packages / file).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(file.locate(), packages / file)

    def environment(self, **settings: str) -> dict[str, str]:
        inherited = {name: text for name, text in clean_environment().items() if name not in _NOT_INHERITED}
        path = os.pathsep.join([str(self._bin), inherited["PATH"]])
        return inherited | {"PATH": path, "HOME": str(self.home)} | settings

    def typed(self, line: str, folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
        """As in a shell that stands in the folder, with the environment activated."""
        return subprocess.run(
            ["sh", "-c", line],
            cwd=folder,
            env=self.environment(**settings),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
