"""What a figure is worth nothing without: the machine, its load, the versions, the commit."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from bench.figures import Machine
from bench.served import PROJECT
from datasync_spider.records.compiled import IS_COMPILED

_LIBRARIES = ("scrapy", "twisted", "httptools", "msgspec", "psycopg2-binary")


def this_machine(postgresql: str) -> Machine:
    """``postgresql`` is the measured server's version."""
    return Machine(
        cpu=_cpu(),
        cores=os.cpu_count() or 1,
        memory_gb=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        system=f"{platform.system()} {platform.release()}",
        load_before=round(os.getloadavg()[0], 2),
        versions={
            "python": platform.python_version(),
            "postgresql": postgresql,
            **{name: version(name) for name in _LIBRARIES},
            "events read by": "compiled code" if IS_COMPILED else "Python",
        },
    )


def commit() -> str:
    """Of the checkout, with a plus where files differ from it; "unknown" without git."""
    head = _git("rev-parse", "--short=12", "HEAD")
    if not head:
        return "unknown"
    return f"{head}+" if _git("status", "--porcelain", "--untracked-files=no") else head


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=PROJECT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
