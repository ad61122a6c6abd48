"""The namespaces in which the whole command runs, so that nothing of it is left, whatever ends it.

The kernel ends all processes of a PID namespace with its first one, and takes a network namespace away with the last
process that is in it. Invariant: from inside no packet reaches the machine on which all this runs, nor any network.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from shutil import which

_INSIDE = "DATASYNC_MACHINES_INSIDE"
_PROGRAMS = {"ip": "iproute2", "unshare": "util-linux", "nsenter": "util-linux", "setpriv": "util-linux"}


class Impossible(Exception):
    """No machines can be made here; the text says why, and what to do."""


def is_inside() -> bool:
    """Whether this process is in the namespaces that :func:`enter` makes."""
    return _INSIDE in os.environ


def enter(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Starts the command in namespaces of its own; they end with it, and it ends with who has started it.

    Raises Impossible.
    """
    if missing := [f"{name} (Debian: {package})" for name, package in _PROGRAMS.items() if which(name) is None]:
        raise Impossible(f"machines are made by {', '.join(missing)}, which is not installed")
    spaces = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    tried = subprocess.run([*spaces, "ip", "link", "set", "lo", "up"], check=False, capture_output=True, text=True)
    if os.geteuid() != 0 or tried.returncode != 0:
        why = tried.stderr.strip() or "this user is not root"
        raise Impossible(f"namespaces cannot be made here ({why}): run it as root, in a container with --privileged")
    ends_with_us = ["setpriv", "--pdeathsig", "KILL"]
    return subprocess.Popen([*ends_with_us, *spaces, *command], env={**environment, _INSIDE: "1"})
