"""Who holds a lease: a process, distinguished from every other process that ever had its number.

Invariant: ``is_alive`` says False only where this machine's kernel knows that the process is gone; of other machines it
knows nothing and says None, and the lease's expiry decides.
"""

from __future__ import annotations

import json
import os
import platform
from functools import lru_cache
from pathlib import Path

import psutil
from msgspec import Struct
from msgspec.structs import asdict

BUNDLE = "DATASYNC_FLEET_BUNDLE"
"""The variable that names the bundle to a process that a worker of a fleet starts."""

WORKER = "DATASYNC_FLEET_WORKER"
"""The one that names the worker to it."""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_PID_NAMESPACE = Path("/proc/self/ns/pid")


class Owner(Struct, frozen=True):
    """``host`` is for people; ``scope`` is the boot and the pid namespace within which ``pid`` means something.

    ``bundle``: for what a worker of a fleet has started the process, ``worker``: which one has; empty where none has.
    """

    host: str
    scope: str
    pid: int
    started: float
    bundle: str = ""
    worker: str = ""

    def to_text(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    def __str__(self) -> str:
        """What a run says of its owner, too: views read host and worker from there."""
        return f"process {self.pid} on {self.host}{self.worker and f', worker {self.worker}'}"


def parse_owner(text: str) -> Owner | None:
    """The owner written by :meth:`Owner.to_text`, or None where the text is not ours."""
    try:
        fields = json.loads(text)
        process = str(fields["host"]), str(fields["scope"]), int(fields["pid"]), float(fields["started"])
        # Versions before there were fleets know of none.
        return Owner(*process, str(fields.get("bundle", "")), str(fields.get("worker", "")))
    except (ValueError, TypeError, KeyError):
        return None


def this_process() -> Owner:
    """The owner that this process is."""
    return _owner_of(os.getpid(), os.environ.get(BUNDLE, ""), os.environ.get(WORKER, ""))


# A fork is another process.
@lru_cache(1)
def _owner_of(pid: int, bundle: str, worker: str) -> Owner:
    started = psutil.Process(pid).create_time()
    return Owner(platform.node() or "unknown", _scope(), pid, started, bundle, worker)


def _scope() -> str:
    if _BOOT_ID.exists() and _PID_NAMESPACE.exists():
        return f"{_BOOT_ID.read_text().strip()}/{_PID_NAMESPACE.readlink()}"
    return f"{platform.node()}/{psutil.boot_time():.0f}"


def is_alive(owner: Owner) -> bool | None:
    """Whether the process still runs: True, False, or None where it cannot be known from here."""
    if owner.scope != _scope():
        return None
    try:
        process = psutil.Process(owner.pid)
        # A zombie holds its number until it is reaped, but will never write again.
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return abs(process.create_time() - owner.started) < 1.0
    except psutil.NoSuchProcess:
        return False
