"""The wheels, built of the tracked files, and clean environments that they are installed in."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from tests.support.crawl import clean_environment
from tests.support.pythons import pythons_with_headers

ROOT = Path(__file__).resolve().parents[2]
# By their tag: what has no code of one version of Python in it.
_FITS_EACH = re.compile(r"^Tag: (py3-none|py2\.py3-none|cp\d+-abi3)-", re.MULTILINE)
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
        # pip is expensive: the one outside serves as well as one inside, and what fits is linked.
        subprocess.run([python, "-m", "venv", "--without-pip", folder / "env"], check=True)
        self._link_pins(is_same_python=python == sys.executable)
        # The wheel's own requirements have to be among the pinned ones: pip installs nothing without a hash here.
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        listed = folder / "requirements.txt"
        listed.write_text(
            f"{_pins()}\ndatasync-ingestion @ {wheel.as_uri()} --hash=sha256:{digest}\n", encoding="utf-8"
        )
        pip = [sys.executable, "-m", "pip", "--python", str(self._bin / "python"), "install", "--quiet", "--no-input"]
        install = [*pip, "--no-compile", "--require-hashes", "-r", str(listed)]
        done = subprocess.run(install, capture_output=True, text=True, check=False, cwd=self.home)
        assert done.returncode == 0, done.stdout + done.stderr

    def _link_pins(self, *, is_same_python: bool) -> None:
        """What pip has put into this environment, from the same pins and with their hashes, where it fits the Python.

        pip finds these in place, and looks for the rest alone. Without their programs, which name another Python.
        """
        (packages,) = (self.folder / "env").glob("lib/python*/site-packages")
        for name, version in re.findall(r"^([\w.-]+)==(\S+)", _pins(), re.MULTILINE):
            try:
                found = distribution(name)
            except PackageNotFoundError:
                continue
            if found.version == version and (is_same_python or _FITS_EACH.search(found.read_text("WHEEL") or "")):
                tops = {file.parts[0] for file in found.files or []} - {"..", "__pycache__"}
                for top in tops:
                    (packages / top).symlink_to(str(found.locate_file(top)))

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
