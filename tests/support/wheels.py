"""The wheels, built of the tracked files, and clean environments that they are installed in."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from tests.support.crawl import clean_environment
from tests.support.pythons import pythons_with_headers

ROOT = Path(__file__).resolve().parents[2]
# Whatever would lead to the checkout, or to this environment.
_NOT_INHERITED = {"PYTHONPATH", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE", "SCRAPY_SETTINGS_MODULE", "SCRAPY_PROJECT"}


def python_of(version: str) -> str | None:
    """The interpreter of that version, where this machine has one that makes environments."""
    python = pythons_with_headers().get(version)
    done = subprocess.run([python, "-c", "import ensurepip, venv"], check=False) if python else None
    return python if done is not None and done.returncode == 0 else None


def build_wheels(into: Path) -> dict[str, Path]:
    """Both, by ``compiled`` and ``pure``."""
    script = ["sh", "scripts/build-wheels.sh", str(into)]
    environment = os.environ | {"PYTHON": sys.executable}
    done = subprocess.run(script, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (compiled,) = into.glob("*-cp311-abi3-*.whl")
    (pure,) = into.glob("*-py3-none-any.whl")
    return {"compiled": compiled, "pure": pure}


class Installed:
    """An environment that holds a wheel with its pinned requirements, and a user who has nothing else."""

    def __init__(self, python: str, wheel: Path, folder: Path) -> None:
        self.folder = folder
        self._bin = folder / "env" / "bin"
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        subprocess.run([python, "-m", "venv", folder / "env"], check=True)
        # The wheel's own requirements have to be among the pinned ones: pip installs nothing without a hash here.
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        pins = (ROOT / "requirements.txt").read_text(encoding="utf-8")
        listed = folder / "requirements.txt"
        listed.write_text(f"{pins}\ndatasync-ingestion @ {wheel.as_uri()} --hash=sha256:{digest}\n", encoding="utf-8")
        install = ["-m", "pip", "install", "--quiet", "--no-input", "--require-hashes", "-r", str(listed)]
        pip = [str(self._bin / "python"), *install]
        done = subprocess.run(pip, capture_output=True, text=True, check=False, cwd=self.home)
        assert done.returncode == 0, done.stderr

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
