"""The manifests in deploy/kubernetes: what Kubernetes accepts, with commands, settings, ports and secrets of ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from datasync_spider.config.misspelt import known_names
from datasync_spider.sources.files.load import read_source
from tests.support.commandlines import accepted

FOLDER = Path(__file__).resolve().parents[3] / "deploy/kubernetes"
VERSION = "1.37"
SOURCE = FOLDER / "sources/github.toml"
TOKEN = "GITHUB_TOKEN"
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")

Manifest = dict[str, Any]


def manifests(folder: str) -> dict[str, Manifest]:
    """By kind. Those of kustomize are none of Kubernetes'."""
    paths = [path for path in (FOLDER / folder).glob("*.yaml") if path.name != "kustomization.yaml"]
    found = [one for path in paths for one in yaml.safe_load_all(path.read_text(encoding="utf-8"))]
    return {one["kind"]: one for one in found}


def pods() -> Iterator[tuple[str, Manifest]]:
    """What each container's pod is to be, by the container's name; each has one."""
    cluster = manifests("fleet")["DaskCluster"]["spec"]
    deployments = [manifests(folder)["Deployment"] for folder in ("sync", "fleet")]
    specs = [cluster["scheduler"]["spec"], cluster["worker"]["spec"]]
    for spec in (*specs, *(deployment["spec"]["template"]["spec"] for deployment in deployments)):
        (container,) = spec["containers"]
        yield container["name"], spec


PODS = dict(pods())
each_pod = pytest.mark.parametrize("name", PODS)
of_the_fleet = pytest.mark.parametrize("name", [name for name in PODS if name != "sync"])


def container_of(name: str) -> Manifest:
    (container,) = PODS[name]["containers"]
    assert isinstance(container, dict)
    return container


def environment(name: str) -> dict[str, str]:
    return {one["name"]: one["value"] for one in container_of(name)["env"]}


def secrets(name: str) -> dict[str, Manifest]:
    """What is mounted of which Secret, by where."""
    volumes = {one["name"]: one["secret"] for one in PODS[name]["volumes"] if "secret" in one}
    mounts = container_of(name)["volumeMounts"]
    return {one["mountPath"]: volumes[one["name"]] for one in mounts if one["name"] in volumes}


def test_kubernetes_accepts_them() -> None:
    cluster = manifests("fleet").pop("DaskCluster")
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "s"},
        "spec": cluster["spec"]["scheduler"]["service"],
    }
    whole = [one for folder in ("sync", "fleet") for one in manifests(folder).values() if one is not cluster]
    # The schema of Dask's operator has Kubernetes' own within it.
    parts = [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": PODS[name]} for name in PODS]
    for one in (*(one for one in whole if one["kind"] != "DaskCluster"), *parts, service):
        kubernetes_validate.validate(one, VERSION, strict=True)


def test_a_field_that_kubernetes_does_not_know_would_be_found() -> None:
    deployment = manifests("sync")["Deployment"]
    deployment["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, VERSION, strict=True)


def test_kustomize_is_given_each_file() -> None:
    for folder in ("sync", "fleet", "sources"):
        kustomization = yaml.safe_load((FOLDER / folder / "kustomization.yaml").read_text(encoding="utf-8"))
        files = {path.name for path in (FOLDER / folder).iterdir()} - {"kustomization.yaml"}
        generated = [name for one in kustomization.get("configMapGenerator", []) for name in one["files"]]
        assert set(kustomization.get("resources", [])) - {"../sources"} | set(generated) == files


@each_pod
def test_its_command_is_one_that_we_accept(name: str) -> None:
    options = accepted(container_of(name)["args"])
    assert options.follow == (name in {"sync", "driver"})


@each_pod
def test_what_it_sets_is_a_setting_or_a_secret_of_its_sources(name: str) -> None:
    assert set(environment(name)) - set(known_names()) <= {f"{TOKEN}_FILE"}


@each_pod
def test_a_secret_is_looked_for_where_it_is_mounted(name: str) -> None:
    for variable, path in environment(name).items():
        if variable.endswith("_FILE"):
            mounted = secrets(name)[str(Path(path).parent)]
            assert mounted["secretName"] == "datasync"
            assert "items" not in mounted or {"key": Path(path).name, "path": Path(path).name} in mounted["items"]


def test_the_secret_of_the_source_is_with_who_syncs_and_with_no_one_else() -> None:
    assert f"secret:{TOKEN}" in SOURCE.read_text(encoding="utf-8")
    assert list(read_source(SOURCE.read_text(encoding="utf-8"), SOURCE.name).streams) == ["issues"]
    assert {name for name in PODS if f"{TOKEN}_FILE" in environment(name)} == {"sync", "worker"}
    (others,) = [one for one in secrets("driver").values() if one["secretName"] == "datasync"]
    assert [item["key"] for item in others["items"]] == ["DATABASE_URL"]
    assert not any(one["secretName"] == "datasync" for one in secrets("scheduler").values())


@of_the_fleet
def test_a_role_shows_its_own_certificate_and_asks_the_scheduler_with_it(name: str) -> None:
    container, cluster = container_of(name), manifests("fleet")["DaskCluster"]
    directory = accepted(container["args"]).certificates
    assert secrets(name)[directory]["secretName"] == f"datasync-fleet-{name}"
    service = cluster["spec"]["scheduler"]["service"]
    (port,) = service["ports"]
    listens = {one["name"]: one["containerPort"] for one in container_of("scheduler")["ports"]}
    assert listens[port["targetPort"]] == port["port"]
    # The operator names the service so.
    address = f"tls://{cluster['metadata']['name']}-scheduler:{port['port']}"
    asked = f"tls://127.0.0.1:{port['port']}" if name == "scheduler" else address
    for probe in PROBES:
        if probe in container:
            assert container[probe]["exec"]["command"][-3:] == [asked, directory, name]
    if name != "scheduler":
        assert accepted(container["args"]).scheduler == address


def test_the_probes_ask_where_metrics_are_served() -> None:
    container, settings = container_of("sync"), environment("sync")
    ports = {one["name"]: one["containerPort"] for one in container["ports"]}
    asked = [container[probe]["httpGet"] for probe in PROBES]
    assert {str(ports[one["port"]]) for one in asked} == {settings["METRICS_PORT"]}
    assert {one["path"] for one in asked} == {"/livez", "/readyz"}


@each_pod
def test_it_is_confined_and_has_time_to_stop(name: str) -> None:
    pod, container = PODS[name], container_of(name)
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not pod["automountServiceAccountToken"]
    # METRICS_PORT would be that of a service called metrics.
    assert not pod["enableServiceLinks"]
    assert pod["terminationGracePeriodSeconds"] > 10
    assert set(container["resources"]) == {"requests", "limits"}
