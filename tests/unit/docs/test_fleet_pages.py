"""The pages that take a machine to two, and to a service: what they give to type is accepted, and fits together."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from datasync_spider.config.table import SETTINGS
from tests.support.commandlines import accepted
from tests.unit.docs.pages import DOCS, PROJECT, read
from tests.unit.docs.test_readme import typed

FLEET, DEPLOY = DOCS / "operate/fleet.md", DOCS / "operate/deploy.md"
ROLES = ("scheduler", "worker", "driver")
HOME = next(str(setting.default) for setting in SETTINGS if setting.name == "DATASYNC_HOME")


def typed_lines(path: Path) -> list[list[str]]:
    lines = [line for block in read(path).blocks if block.language == "sh" for line in block.lines]
    return [shlex.split(line, comments=True) for line in lines]


def commands(path: Path) -> list[list[str]]:
    """What is behind ``scrapy``, wherever that is called."""
    whole = [words for words in [*typed(path), *typed_lines(path)] if words]
    return [words[1:] for words in whole if Path(words[0]).name == "scrapy" and len(words) > 1]


@pytest.mark.parametrize("path", [FLEET, DEPLOY], ids=lambda path: path.stem)
def test_each_command_is_one_that_we_accept(path: Path) -> None:
    shown = [words for words in commands(path) if "|" not in words]
    assert ["fleet", "certificates"] in [words[:2] for words in shown]
    for words in shown:
        accepted([word for word in words if word != "…"])


def test_a_command_that_would_be_refused_would_be_found() -> None:
    with pytest.raises(Exception, match="worker needs --scheduler"):
        accepted(["fleet", "worker"])


def test_all_that_a_machine_is_given_to_type_is_of_one_fleet() -> None:
    nodes = [accepted(words) for words in commands(FLEET) if words[:2] == ["fleet", "scheduler"] and "--host" in words]
    asked = {options.scheduler for options in map(accepted, commands(FLEET)) if getattr(options, "scheduler", None)}
    assert asked == {f"tls://{nodes[0].host}:8786"}


@pytest.mark.parametrize(("path", "where"), [(FLEET, f"{HOME}/fleet"), (DEPLOY, "/etc/datasync/fleet")])
def test_another_machine_gets_what_a_worker_needs_where_it_looks_for_it(path: Path, where: str) -> None:
    (making,) = [words for words in typed_lines(path) if words[:1] == ["ssh"]]
    (copying,) = [words for words in typed_lines(path) if words[:1] == ["scp"]]
    *files, to = copying[2:]
    assert files == [f"{where}/{name}.pem" for name in ("authority", "worker", "worker-key")]
    assert to == f"{making[1]}:{making[-1]}/"
    assert making[-1].endswith(where)


def test_the_secrets_of_kubernetes_are_those_of_the_manifests() -> None:
    made = {
        words[4]: {word.removeprefix("--from-file=") for word in words[5:]}
        for words in typed_lines(DEPLOY)
        if words[:4] == ["kubectl", "create", "secret", "generic"]
    }
    for role in ROLES:
        assert made.pop(f"datasync-fleet-{role}") == {"authority.pem", f"{role}.pem", f"{role}-key.pem"}
    (name,) = made
    text = "\n".join(path.read_text(encoding="utf-8") for path in (PROJECT / "deploy/kubernetes").rglob("*.yaml"))
    assert made[name] == set(re.findall(r"/run/datasync/secrets/(\w+)", text))
    assert f"secretName: {name}\n" in text


def test_what_is_copied_is_there() -> None:
    given = {words[1] for words in typed_lines(DEPLOY) if words[:1] == ["cp"]}
    applied = {words[3] for words in typed_lines(DEPLOY) if words[:3] == ["kubectl", "apply", "-k"]}
    assert len(given) == len(applied) == 2
    assert all(list(PROJECT.glob(pattern)) for pattern in given)
    assert all((PROJECT / folder / "kustomization.yaml").is_file() for folder in applied)
