"""The units in deploy/systemd: their commands and settings are ours, secrets stay with who needs them."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from datasync_spider.config.misspelt import known_names
from datasync_spider.observe import exitcodes
from tests.support.commandlines import accepted

FOLDER = Path(__file__).resolve().parents[3] / "deploy/systemd"
PROGRAM = "/opt/datasync/.venv/bin/scrapy"
UNITS = sorted(FOLDER.glob("*.service"))
ROLES = {f"datasync-fleet-{role}.service": role for role in ("scheduler", "worker", "driver")}
# What fleet.env says, as docs/operate/deploy.md shows it.
FLEET = {"FLEET_HOST": "10.0.0.1", "FLEET_SCHEDULER": "tls://10.0.0.1:8786"}
# In hundredths: what systemd calls OK begins below 5.
MOST_EXPOSURE = 15

Unit = dict[str, list[str]]

each_unit = pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)


def read(path: Path) -> Unit:
    found: Unit = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith(("#", "[")):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def command_of(unit: Unit) -> list[str]:
    (line,) = unit["ExecStart"]
    return shlex.split(re.sub(r"\$\{(\w+)\}", lambda match: FLEET[match[1]], line).replace("%d", "/run/credentials"))


def credentials(unit: Unit) -> dict[str, str]:
    return dict(one.split(":", 1) for one in unit["LoadCredential"])


def test_there_is_a_unit_for_a_process_without_dask_and_one_for_each_role_of_a_fleet() -> None:
    assert {path.name for path in UNITS} == {"datasync-sync.service", *ROLES}


@each_unit
def test_its_command_is_one_that_we_accept(path: Path) -> None:
    program, *arguments = command_of(read(path))
    assert program == PROGRAM
    options = accepted(arguments)
    role = ROLES.get(path.name)
    assert options.follow == (role in {None, "driver"})
    if role in {"worker", "driver"}:
        assert options.scheduler == FLEET["FLEET_SCHEDULER"]


@each_unit
def test_what_it_sets_is_a_setting_and_a_secret_comes_as_a_credential(path: Path) -> None:
    unit = read(path)
    sets = dict(one.split("=", 1) for one in unit["Environment"])
    # The user of a unit has none otherwise, and Scrapy looks there for its configuration.
    assert sets.pop("HOME") == sets.pop("DATASYNC_HOME") == f"%S/{unit['StateDirectory'][0]}"
    for name, value in sets.items():
        assert name in known_names()
        assert value.removeprefix("%d/") in credentials(unit), name


@pytest.mark.parametrize("name", ROLES)
def test_a_role_has_its_own_certificate_and_never_the_authoritys_key(name: str) -> None:
    unit = read(FOLDER / name)
    files = {Path(path).name for path in credentials(unit).values() if path.startswith("/etc/datasync/fleet/")}
    assert files == {"authority.pem", f"{ROLES[name]}.pem", f"{ROLES[name]}-key.pem"}
    # Under the names by which they are looked for in the directory of --certificates.
    assert files <= set(credentials(unit))
    assert accepted(command_of(unit)[1:]).certificates == "/run/credentials"


@each_unit
def test_it_is_started_again_but_for_what_is_refused_and_has_time_to_stop(path: Path) -> None:
    unit = read(path)
    assert unit["Restart"] == ["always"]
    assert unit["RestartPreventExitStatus"] == [str(exitcodes.BAD_CONFIGURATION)]
    assert unit["SuccessExitStatus"] == [str(exitcodes.STOPPED)]
    # A process that syncs hears of the stop from its worker, and from no one else.
    assert unit["KillMode"] == ["mixed"]
    assert int(unit["TimeoutStopSec"][0]) > 10


def test_all_are_confined_alike() -> None:
    confined = [path.read_text(encoding="utf-8").partition("\n# It needs nothing of this machine")[2] for path in UNITS]
    assert confined[0]
    assert set(confined) == {confined[0]}


@each_unit
def test_systemd_itself_accepts_it_and_calls_it_confined(path: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed (Debian: systemd)")
    # The program is where it is installed, and not here.
    unit = tmp_path / path.name
    unit.write_text(path.read_text(encoding="utf-8").replace(PROGRAM, "/bin/true"), encoding="utf-8")
    for command in (["verify"], ["security", "--offline=yes", f"--threshold={MOST_EXPOSURE}"]):
        done = subprocess.run(["systemd-analyze", *command, unit], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
