"""Every pod keeps the restricted Pod Security Standard, and more: pins, limits, a fixed root."""

from __future__ import annotations

import re

import pytest

from tests.k8s.manifests import APPLIED, OVERLAYS, objects_of, of_kind, pods

# volumes that the restricted standard allows
VOLUMES = {"configMap", "secret", "emptyDir", "persistentVolumeClaim", "projected", "downwardAPI"}


@pytest.fixture(params=APPLIED)
def made(request: pytest.FixtureRequest) -> list[dict[str, object]]:
    return objects_of(request.param)


def test_the_restricted_standard(made: list[dict[str, object]]) -> None:
    for pod in pods(made):
        context = pod.spec["securityContext"]
        assert context["runAsNonRoot"] is True, pod.where
        assert context["runAsUser"] == context["runAsGroup"] == context["fsGroup"], pod.where
        assert context["runAsUser"] >= 999, pod.where
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, pod.where
        for forbidden in ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"):
            assert forbidden not in pod.spec, f"{pod.where}: {forbidden}"
        for volume in pod.spec.get("volumes", ()):
            assert set(volume) - {"name"} <= VOLUMES, f"{pod.where}: {volume}"
        for container in pod.containers:
            where = f"{pod.where}: {container['name']}"
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
            }, where
            for port in container.get("ports", ()):
                assert "hostPort" not in port, where


def test_requests_and_limits(made: list[dict[str, object]]) -> None:
    for pod in pods(made):
        for container in pod.containers:
            for side in ("requests", "limits"):
                assert {"cpu", "memory"} <= set(container["resources"][side]), (
                    f"{pod.where}: {container['name']}: {side}"
                )


def test_images_are_pinned(made: list[dict[str, object]]) -> None:
    for pod in pods(made):
        for container in pod.containers:
            assert re.search(r":[^:/]*\d[^:/]*$|@sha256:[0-9a-f]{64}$", container["image"]), (
                f"{pod.where}: {container['image']} names no version"
            )


def test_pods_get_no_token_and_no_service_variables(made: list[dict[str, object]]) -> None:
    for pod in pods(made):
        assert pod.spec["automountServiceAccountToken"] is False, pod.where
        # A Service called mlflow would set MLFLOW_PORT, which MLflow reads as its own.
        assert pod.spec["enableServiceLinks"] is False, pod.where


def test_what_is_written_has_a_volume(made: list[dict[str, object]]) -> None:
    for pod in pods(made):
        volumes = {volume["name"]: volume for volume in pod.spec.get("volumes", ())}
        for container in pod.containers:
            where = f"{pod.where}: {container['name']}"
            mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
            assert "/tmp" in mounts, where
            for mount in mounts.values():
                volume = volumes[mount["name"]]
                if "emptyDir" in volume:
                    assert volume["emptyDir"]["sizeLimit"], f"{where}: {volume['name']}"
                if "configMap" in volume or "secret" in volume:
                    assert mount["readOnly"] is True, f"{where}: {mount['name']}"
        used = {mount["name"] for c in pod.containers for mount in c["volumeMounts"]}
        assert used == set(volumes), f"{pod.where}: a volume that nothing mounts"


@pytest.mark.parametrize("name", OVERLAYS)
def test_servers_have_probes_of_ports_that_exist(name: str) -> None:
    servers = list(pods(of_kind(objects_of(name), "Deployment", "StatefulSet")))
    assert servers
    for pod in servers:
        for container in pod.spec["containers"]:
            ports = {port["name"] for port in container["ports"]}
            for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
                probe = container[kind]
                assert ("exec" in probe) != ("httpGet" in probe), pod.where
                assert probe.get("httpGet", {}).get("port") in {None, *ports}, pod.where


@pytest.mark.parametrize("name", OVERLAYS)
def test_a_pod_on_a_volume_of_one_node_is_never_doubled(name: str) -> None:
    for pod in pods(of_kind(objects_of(name), "Deployment")):
        if any("persistentVolumeClaim" in volume for volume in pod.spec["volumes"]):
            assert pod.copies == 1
            assert pod.owner["spec"]["strategy"] == {"type": "Recreate"}, pod.where
