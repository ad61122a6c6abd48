"""Machines that are namespaces of this one: each with an address, a name and processes of its own, on one switch.

States of a machine; a crash of this process leaves nothing behind in any of them (:mod:`bench.machines.inside`):

plugged   it has its network, and no process but the one that keeps that
on        it has a first process, below which all others are started
cut       its cable is out of the switch: packets vanish both ways, and neither end hears of it
off       all of its processes were killed at once; the kernel has closed their sockets. It is plugged, and may be
          switched on again

Invariant: nothing but the switch connects them, and what is started on one is below its first process.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.machines.inside import is_inside
from bench.machines.processes import Process, children_of, eventually, processes_beside

_SWITCH = "switch"
_NET = "10.77.0"


class Network:
    """The switch, on which this process has an address as well, and the machines."""

    def __init__(self, machines: int) -> None:
        assert is_inside()
        _ip("link", "set", "lo", "up")
        _ip("link", "add", _SWITCH, "type", "bridge")
        _ip("address", "add", f"{_NET}.254/24", "dev", _SWITCH)
        _ip("link", "set", _SWITCH, "up")
        self.machines: list[Machine] = []
        try:
            for number in range(machines):
                self.machines.append(Machine(number))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Ends all processes of all machines, and takes the switch away."""
        for machine in self.machines:
            machine.close()
        _ip("link", "delete", _SWITCH)


class Machine:
    """Number 0, 1, 2 … on the switch, called ``machine-N``."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.name = f"machine-{number}"
        self.address = f"{_NET}.{number + 1}"
        self._cable = f"cable{number}"
        self._first: subprocess.Popen[bytes] | None = None
        self._started: list[subprocess.Popen[bytes]] = []
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
    ) -> Process:
        """``user``: as this one, and its group."""
        entering = self.entering(directory)
        if user is not None:
            entering += ["--setuid", str(user[0]), "--setgid", str(user[1])]
        with log.open("ab") as written:
            started = subprocess.Popen(
                [*entering, *command],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=written,
            )
        self._started.append(started)
        return Process(started)

    def entering(self, directory: Path) -> list[str]:
        """What stands before a command, to run it on this machine, which is on."""
        return ["nsenter", "--target", str(self._pid), "--net", "--pid", "--uts", "--mount", f"--wdns={directory}"]

    def kill(self) -> float:
        """All of its processes at once, where it is on; gives when, by the monotonic clock."""
        began = time.monotonic()
        if self._first is None:
            return began
        os.kill(self._pid, signal.SIGKILL)
        self._first.wait()
        for started in self._started:
            started.send_signal(signal.SIGCONT)
            started.wait()
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
        for pid in processes_beside(self._pid) if self._first is not None else []:
            try:
                line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            # What has ended has an empty one.
            if part in line:
                found.append(pid)
        return found

    def close(self) -> None:
        self.kill()
        # The kernel takes a network to pieces some time after its last process, and the next game has such a cable.
        _ip("link", "delete", self._cable)
        self._keeper.kill()
        self._keeper.wait()

    @property
    def _pid(self) -> int:
        """Of its first process."""
        assert self._first is not None
        (pid,) = children_of(self._first.pid)
        return pid

    def _is_named(self) -> bool:
        assert self._first is not None
        return any(Path(f"/proc/{pid}/comm").read_text().strip() == "sleep" for pid in children_of(self._first.pid))


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        print(f"ip {' '.join(words)}: {done.stderr.strip()}", file=sys.stderr)
        done.check_returncode()
