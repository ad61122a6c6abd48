"""Machines that are namespaces of this one: each with an address, a name and processes of its own, on one switch.

States of a machine, and what a crash of this process in each leaves behind: nothing, in any of them. All of it lives
in the network and PID namespaces that :func:`enter` makes for the whole command; the kernel ends all processes of a PID
namespace with its first one, and takes a network namespace away with the last process that is in it.

plugged   it has its network, and no process but the one that keeps that
on        it has a first process, below which all others are started
cut       its cable is out of the switch: packets vanish both ways, and neither end hears of it
off       all of its processes were killed at once; the kernel has closed their sockets. It is plugged, and may be
          switched on again

Invariant: from here no packet reaches the machine on which all this runs, or any other network.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from shutil import which

_INSIDE = "DATASYNC_MACHINES_INSIDE"
_PROGRAMS = {"ip": "iproute2", "unshare": "util-linux", "nsenter": "util-linux", "setpriv": "util-linux"}
_SWITCH = "switch"
_NET = "10.77.0"
_POLL_SECONDS = 0.02
_PATIENCE_SECONDS = 60.0


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


def eventually(holds: Callable[[], bool], what: str, seconds: float = _PATIENCE_SECONDS) -> float:
    """Waits for it; how many seconds it took. Raises TimeoutError."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(_POLL_SECONDS)
    return time.monotonic() - began


class Network:
    """The switch, on which this process has an address as well, and the machines."""

    def __init__(self, machines: int) -> None:
        assert is_inside()
        _ip("link", "set", "lo", "up")
        _ip("link", "add", _SWITCH, "type", "bridge")
        _ip("address", "add", f"{_NET}.254/24", "dev", _SWITCH)
        _ip("link", "set", _SWITCH, "up")
        self.machines = [Machine(number) for number in range(machines)]

    def close(self) -> None:
        """Ends all processes of all machines, and takes the switch away."""
        for machine in self.machines:
            machine.close()
        _ip("link", "delete", _SWITCH)


class Process:
    """What was started on a machine. ``nsenter`` stays in front of it, outside."""

    def __init__(self, started: subprocess.Popen[str]) -> None:
        self._started = started

    @property
    def code(self) -> int | None:
        return self._started.poll()

    def send(self, number: signal.Signals) -> None:
        """``nsenter`` stops itself with what it has started, and wants to go on itself."""
        pids = _children(self._started.pid)
        for pid in [*pids, self._started.pid] if number == signal.SIGCONT else pids:
            os.kill(pid, number)

    def wait(self, seconds: float = _PATIENCE_SECONDS) -> int:
        """The exit code. Raises TimeoutExpired."""
        return self._started.wait(seconds)

    def first_line(self) -> str:
        """Of its standard output, where that was asked for."""
        assert self._started.stdout is not None
        return self._started.stdout.readline().strip()


class Machine:
    """Number 0, 1, 2 … on the switch, called ``machine-N``."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.name = f"machine-{number}"
        self.address = f"{_NET}.{number + 1}"
        self._cable = f"cable{number}"
        self._first: subprocess.Popen[bytes] | None = None
        self._started: list[subprocess.Popen[str]] = []
        self._keeper = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        ours = Path("/proc/self/ns/net").readlink()
        eventually(lambda: Path(f"/proc/{self._keeper.pid}/ns/net").readlink() != ours, f"the network of {self.name}")
        keeper = str(self._keeper.pid)
        _ip("link", "add", self._cable, "type", "veth", "peer", "name", "eth0", "netns", keeper)
        self.mend()
        for words in (f"address add {self.address}/24 dev eth0", "link set eth0 up", "link set lo up"):
            subprocess.run(["nsenter", "--target", keeper, "--net", "ip", *words.split()], check=True)
        self.switch_on()

    def switch_on(self) -> None:
        # The first process: children that it never had, and that have ended, are gone at once.
        first = f"hostname {self.name} && trap '' CHLD && exec sleep infinity"
        spaces = ["unshare", "--pid", "--uts", "--fork", "--kill-child", "--mount-proc"]
        command = ["nsenter", "--target", str(self._keeper.pid), "--net", *spaces, "sh", "-c", first]
        # It has words for whatever ends its child.
        self._first = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        eventually(self._is_named, f"{self.name} to be on")

    def start(
        self,
        command: Sequence[str],
        *,
        directory: Path,
        environment: Mapping[str, str],
        log: Path,
        user: tuple[int, int] | None = None,
        is_read: bool = False,
    ) -> Process:
        """``user``: as this one, and its group. ``is_read``: its standard output is for :meth:`Process.first_line`."""
        entering = self.entering(directory)
        if user is not None:
            entering += ["--setuid", str(user[0]), "--setgid", str(user[1])]
        with log.open("ab") as written:
            started = subprocess.Popen(
                [*entering, *command],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if is_read else written,
                stderr=written,
                text=True,
            )
        self._started.append(started)
        return Process(started)

    def entering(self, directory: Path) -> list[str]:
        """What stands before a command, to run it on this machine, which is on."""
        return ["nsenter", "--target", str(self._pid), "--net", "--pid", "--uts", "--mount", f"--wdns={directory}"]

    def kill(self) -> float:
        """All of its processes at once; gives when, by the monotonic clock."""
        assert self._first is not None
        began = time.monotonic()
        os.kill(self._pid, signal.SIGKILL)
        self._first.wait()
        for started in self._started:
            started.send_signal(signal.SIGCONT)
            started.wait()
            if started.stdout is not None:
                started.stdout.close()
        self._started.clear()
        self._first = None
        return began

    def cut(self) -> float:
        """Its cable is pulled out of the switch, whose end of it stays up; gives when, by the monotonic clock."""
        _ip("link", "set", self._cable, "nomaster")
        return time.monotonic()

    def mend(self) -> None:
        _ip("link", "set", self._cable, "master", _SWITCH, "up")

    def running(self, part: str) -> list[int]:
        """Processes of it that have this in their command line, as numbers of ours; none that have ended."""
        found = []
        for pid in _below(self._pid) if self._first is not None else []:
            try:
                line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            # What has ended has an empty one.
            if part in line:
                found.append(pid)
        return found

    def close(self) -> None:
        if self._first is not None:
            self.kill()
        self._keeper.kill()
        self._keeper.wait()

    @property
    def _pid(self) -> int:
        """Of its first process."""
        assert self._first is not None
        (pid,) = _children(self._first.pid)
        return pid

    def _is_named(self) -> bool:
        assert self._first is not None
        return any(Path(f"/proc/{pid}/comm").read_text().strip() == "sleep" for pid in _children(self._first.pid))


def _below(pid: int) -> list[int]:
    """All processes of the PID namespace of which this is the first."""
    space = Path(f"/proc/{pid}/ns/pid").readlink()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "ns" / "pid").readlink() == space:
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def parent_of(pid: int) -> int | None:
    """None where it has ended."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def _children(pid: int) -> list[int]:
    try:
        return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        print(f"ip {' '.join(words)}: {done.stderr.strip()}", file=sys.stderr)
        done.check_returncode()
