"""The peers' environment: made once below ``.datasync``, from pins of its own.

Invariant: nothing of it reaches ours, and nothing of ours is in it: a peer's program is run by the peer's interpreter.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from bench.bench import say
from bench.served import PROJECT

PINS = Path(__file__).with_name("requirements.txt")


def peer_python() -> Path:
    """The environment's interpreter; makes the environment where it is missing or of other pins."""
    directory = PROJECT / ".datasync" / "bench-peers"
    python, stamp = directory / "bin" / "python", directory / "pins.sha256"
    digest = hashlib.sha256(PINS.read_bytes()).hexdigest()
    if python.exists() and stamp.exists() and stamp.read_text(encoding="ascii") == digest:
        return python
    say(f"making {directory}")
    shutil.rmtree(directory, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", directory], check=True)
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", PINS],
        check=True,
    )
    # Written last, so that an interrupted installation is begun anew.
    stamp.write_text(digest, encoding="ascii")
    return python


def peer_version(python: Path, package: str) -> str:
    """Of a package of that environment."""
    program = f"from importlib.metadata import version; print(version({package!r}))"
    return subprocess.run([python, "-c", program], check=True, capture_output=True, text=True).stdout.strip()
