"""Holds built wheels to the tracked files they are built of (``python scripts/check_wheels.py FOLDER LIST``).

LIST is what ``git ls-files -z`` gives. Invariant: a wheel holds each file of the packages, each migration, and
nothing else but its own description; the compiled module is in the wheel that is named for a platform, and in no other.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

_PACKAGES = ("datasync_spider/", "embedded_postgres/", "mock_api/")
_NOT_FOR_USE = ("README.md", "mock_api/README.md")


def wanted(tracked: list[str]) -> set[str]:
    """What every wheel must hold."""
    packages = {name for name in tracked if name.startswith(_PACKAGES) and not name.endswith(_NOT_FOR_USE)}
    return packages | {f"datasync_spider/{name}" for name in tracked if name.startswith("migrations/")}


def faults(wheel: Path, tracked: list[str]) -> list[str]:
    """What is wrong with a wheel, a line each."""
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
        described = [name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt")]
        commands = [archive.read(name).decode() for name in described]
    modules = {name for name in held if name.startswith("datasync_columns.")}
    must = wanted(tracked)
    found = [f"{wheel.name} lacks {name}" for name in sorted(must - held)]
    found += [f"{wheel.name} holds {name}, which is not tracked" for name in sorted(held - modules - must)]
    if wheel.name.endswith("-py3-none-any.whl") == bool(modules):
        found.append(f"{wheel.name} holds {', '.join(modules) or 'no compiled module'}")
    if not any("datasync = datasync_spider.__main__:main" in text for text in commands):
        found.append(f"{wheel.name} gives no command datasync")
    return found


def main() -> int:
    """The exit code: 1 where something is wrong."""
    folder, listed = map(Path, sys.argv[1:])
    tracked = [name for name in listed.read_text(encoding="utf-8").split("\0") if name]
    wheels = sorted(folder.glob("*.whl"))
    found = [] if len(wheels) == 2 else [f"there are {len(wheels)} wheels, not a compiled and a pure one"]
    for wheel in wheels:
        found += faults(wheel, tracked)
    for fault in found:
        print(fault, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
