"""docker-compose.yml as text: that it hands over every setting, and opens nothing to the network.

That the containers work is tried where there is a Docker engine, with run-ingestion.sh --docker.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import yaml

from datasync_spider.config.misspelt import known_names
from tests.support.commandlines import accepted

PROJECT = Path(__file__).resolve().parents[2]
TEXT = PROJECT.joinpath("docker-compose.yml").read_text(encoding="utf-8")
SERVICES: dict[str, Any] = yaml.safe_load(TEXT)["services"]
ROLES = ("scheduler", "worker", "driver")
# There is neither an embedded database nor a place to write to in a container.
NOT_FOR_CONTAINERS = {"DATASYNC_HOME", "LOG_COPY_FILE"}


def test_every_setting_reaches_the_crawl() -> None:
    handed_over = re.findall(r"^ +([A-Z][A-Z_]+):", TEXT, flags=re.MULTILINE)

    assert set(known_names()) - set(handed_over) == NOT_FOR_CONTAINERS


def test_a_port_is_published_on_loopback_only() -> None:
    published = re.findall(r'^ +- "([^"]*:[0-9]+)"$', TEXT, flags=re.MULTILINE)

    assert published
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []


def test_no_password_is_built_in() -> None:
    assert set(re.findall(r"PASSWORD: *(.*)", TEXT)) == {'"${POSTGRES_PASSWORD:-}"'}


def test_a_fleets_commands_are_ones_that_we_accept_and_none_of_its_ports_is_published() -> None:
    fleet = {name: one for name, one in SERVICES.items() if one.get("profiles") == ["fleet"]}
    assert set(fleet) == {"fleet-certificates", *(f"fleet-{role}" for role in ROLES)}
    for role in ROLES:
        options = accepted(fleet[f"fleet-{role}"]["command"])
        assert options.follow == (role == "driver")
        assert options.scheduler == (None if role == "scheduler" else "tls://fleet-scheduler:8786")
    assert not any("ports" in one for one in fleet.values())
    assert {one["restart"] for name, one in fleet.items() if name != "fleet-certificates"} == {"unless-stopped"}
    assert {one["read_only"] for one in fleet.values()} == {True}


def test_a_role_of_a_fleet_has_its_own_certificate_and_the_authoritys_key_is_with_none() -> None:
    script = SERVICES["fleet-certificates"]["command"][0]
    making = shlex.split(script.splitlines()[0])
    assert accepted(making[1:]).certificates == "/authority"
    assert "fleet-authority:/authority" in SERVICES["fleet-certificates"]["volumes"]
    for role in ROLES:
        service = SERVICES[f"fleet-{role}"]
        assert [one for one in service["volumes"] if one.startswith("fleet-")] == [f"fleet-{role}:/fleet:ro"]
        assert accepted(service["command"]).certificates == "/fleet"
        # By which the health check finds its certificate.
        assert service["environment"]["ROLE"] == role


def test_the_image_of_a_fleet_has_what_a_fleet_needs() -> None:
    (extras,) = [one for one in SERVICES["fleet-worker"]["build"]["args"] if one.startswith("EXTRAS=")]
    requirements = f"requirements-{extras.removeprefix('EXTRAS=')}.txt"
    assert PROJECT.joinpath(requirements).is_file()
    assert requirements in PROJECT.joinpath("Dockerfile").read_text(encoding="utf-8")
    assert f"!{requirements}" in PROJECT.joinpath(".dockerignore").read_text(encoding="utf-8").splitlines()
    assert SERVICES["fleet-worker"]["image"] != SERVICES["ingestion"]["image"]
