"""A fleet by the commands of ``docs/operate/fleet.md``: machine 1 has scheduler, driver and a worker, others a worker.

Each machine has a project of its own, with its own ``.env``, source files, DATASYNC_HOME and certificates, which are
copied as the page says. Secrets of sources are in the environment of workers alone. Invariant: what is started again is
started by the very same command, as systemd would.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path

from bench.machines.machines import Machine, Network
from bench.machines.processes import Process, eventually, parent_of
from bench.served import PROJECT
from bench.torture.many.sources import secrets_of, write_files

_PORT = 8786
_OF_A_WORKER = ("authority.pem", "worker.pem", "worker-key.pem")
_SCRAPY_CFG = "[settings]\ndefault = datasync_spider.settings\n"
# Python imports it before anything else, also in the processes that a worker starts.
_BREAKS = """
import sys
if "datasync_spider.fleet.bundlestarter" in sys.orig_argv:
    from bench.torture.mutants import MUTANTS
    MUTANTS["{mutant}"]()
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is played with. ``processes``: of each worker. ``mutant``: what is wrong with the processes of bundles."""

    tenants: dict[str, list[str]]
    processes: int
    settings: dict[str, str] = field(default_factory=dict)
    every: int = 1
    mutant: str | None = None


class Fleet:
    """``directory`` is for the machines' projects, ``logs`` for all that they say."""

    def __init__(self, network: Network, directory: Path, logs: Path, plan: Plan, base_url: str, database: str) -> None:
        self._plan = plan
        self._directory = directory
        self._logs = logs
        self._base_url = base_url
        self._database = database
        self._starts = 0
        self._saying: dict[str, Path] = {}
        self._nodes: dict[str, Process] = {}
        self.shared, self.first, *others = network.machines
        self.machines = [self.first, *others]
        for machine in self.machines:
            self._make_project(machine)
        if plan.mutant is not None:
            (directory / "broken").mkdir()
            (directory / "broken" / "sitecustomize.py").write_text(_BREAKS.format(mutant=plan.mutant))
        self._make_certificates()

    def start(self, workers: int | None = None) -> None:
        """The scheduler, and as many workers as are wanted; waits until all of them listen."""
        self.start_scheduler()
        for machine in self.machines[:workers]:
            self.start_worker(machine)
        for machine in self.machines[:workers]:
            self.wait_for_worker(machine)

    def start_scheduler(self) -> None:
        self._start("scheduler", self.first, "scheduler", "--host", self.first.address)

    def start_worker(self, machine: Machine) -> None:
        arguments = ["worker", "--scheduler", self._scheduler, "--processes", str(self._plan.processes)]
        self._start(f"worker-{machine.number}", machine, *arguments, **secrets_of(self._plan.tenants))

    def start_driver(self, *arguments: str) -> Process:
        return self._start("driver", self.first, *arguments, "--scheduler", self._scheduler, "--json")

    def wait_for_worker(self, machine: Machine) -> None:
        eventually(lambda: "listens at" in self.said_by(f"worker-{machine.number}"), f"the worker of {machine.name}")

    def said_by(self, node: str) -> str:
        """By its latest process."""
        return self._saying[node].read_text(encoding="utf-8", errors="replace")

    def bundles_of(self, machine: Machine) -> list[int]:
        """The processes that sync there: forks of the one that its worker starts them by, which has no such parent."""
        found = machine.running("datasync_spider.fleet.bundlestarter")
        return [pid for pid in found if parent_of(pid) in found]

    def send(self, machine: Machine, number: signal.Signals) -> None:
        """To its worker, and to nothing that this has started."""
        self._nodes[f"worker-{machine.number}"].send(number)

    def kill(self, node: str) -> None:
        """This process of the first machine alone."""
        self._nodes[node].send(signal.SIGKILL)
        self._nodes[node].wait()

    @property
    def _scheduler(self) -> str:
        return f"tls://{self.first.address}:{_PORT}"

    def _project(self, machine: Machine) -> Path:
        return self._directory / machine.name / "datasync"

    def _make_project(self, machine: Machine) -> None:
        project = self._project(machine)
        project.mkdir(parents=True)
        (project / "scrapy.cfg").write_text(_SCRAPY_CFG)
        settings = {"DATABASE_URL": self._database, "REJECTED_MAX_PERCENT": "100", **self._plan.settings}
        (project / ".env").write_text("".join(f"{name}={text}\n" for name, text in settings.items()))
        write_files(project / "sources", self._base_url, self._plan.tenants, self._plan.every)

    def _make_certificates(self) -> None:
        code = self._start("certificates", self.first, "certificates").wait()
        assert code == 0, self.said_by("certificates")
        made = self._project(self.first) / ".datasync" / "fleet"
        for machine in self.machines[1:]:
            copied = self._project(machine) / ".datasync" / "fleet"
            copied.mkdir(mode=0o700, parents=True)
            for name in _OF_A_WORKER:
                shutil.copy(made / name, copied)
        # Anyone who has it is let in everywhere, and no one needs it any more.
        (made / "authority-key.pem").unlink()

    def _start(self, node: str, machine: Machine, *arguments: str, **environment: str) -> Process:
        self._starts += 1
        self._saying[node] = self._logs / f"{self._starts:02}-{node}.log"
        paths = [str(PROJECT)]
        if self._plan.mutant is not None:
            paths.insert(0, str(self._directory / "broken"))
        kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TZ") if name in os.environ}
        self._nodes[node] = machine.start(
            [sys.executable, "-m", "scrapy", "fleet", *arguments],
            directory=self._project(machine),
            environment={**kept, "HOME": str(self._directory), "PYTHONPATH": os.pathsep.join(paths), **environment},
            log=self._saying[node],
        )
        return self._nodes[node]
