"""What an object names exists: in its kustomization, or made by hand as docs/cluster.md says."""

from __future__ import annotations

from typing import Any

import pytest

from k8s.check.kustomizations import ROOT, Object
from tests.k8s.manifests import APPLIED, OVERLAYS, Pod, of_kind, pods, with_platform

DOCUMENT = ROOT.parent / "docs" / "cluster.md"


def names(made: list[Object], kind: str) -> set[str]:
    return {item["metadata"]["name"] for item in of_kind(made, kind)}


def references(pod: Pod, kind: str) -> set[tuple[str, str | None]]:
    """(name, key or None) of every ConfigMap (``configMap``) or Secret (``secret``) of a pod."""
    found: set[tuple[str, str | None]] = set()
    for container in pod.containers:
        for source in container.get("envFrom", ()):
            if (ref := source.get(f"{kind}Ref")) and not ref.get("optional"):
                found.add((ref["name"], None))
        for variable in container.get("env", ()):
            if ref := variable.get("valueFrom", {}).get(f"{kind}KeyRef"):
                found.add((ref["name"], ref["key"]))
    for volume in pod.spec.get("volumes", ()):
        if source := volume.get(kind):
            found.add((source.get("name") or source["secretName"], None))
    return found


@pytest.fixture(params=APPLIED)
def made(request: pytest.FixtureRequest) -> list[Object]:
    return with_platform(request.param)


def test_config_maps_exist(made: list[Object]) -> None:
    maps = {item["metadata"]["name"]: item["data"] for item in of_kind(made, "ConfigMap")}
    for pod in pods(made):
        for name, key in references(pod, "configMap"):
            assert name in maps, f"{pod.where}: ConfigMap {name}"
            assert key is None or key in maps[name], f"{pod.where}: {name} has no {key}"


def test_secrets_are_documented_and_none_is_in_the_tree(made: list[Object]) -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    assert not of_kind(made, "Secret")
    for pod in pods(made):
        for name, key in references(pod, "secret"):
            assert f"`{name}`" in document, f"{pod.where}: docs/cluster.md does not name {name}"
            assert key is None or key in document, f"docs/cluster.md does not name {name}'s {key}"


def test_claims_accounts_and_roles_exist(made: list[Object]) -> None:
    for pod in pods(made):
        assert pod.spec["serviceAccountName"] in names(made, "ServiceAccount"), pod.where
        for volume in pod.spec.get("volumes", ()):
            if claim := volume.get("persistentVolumeClaim"):
                assert claim["claimName"] in names(made, "PersistentVolumeClaim"), pod.where
    for binding in of_kind(made, "RoleBinding"):
        assert binding["roleRef"]["kind"] == "Role"
        assert binding["roleRef"]["name"] in names(made, "Role")
        for subject in binding["subjects"]:
            assert subject["kind"] == "ServiceAccount"
            assert subject["name"] in names(made, "ServiceAccount")
            assert subject["namespace"] == "sdml"


def test_every_claim_and_account_is_used(made: list[Object]) -> None:
    used = {pod.spec["serviceAccountName"] for pod in pods(made)} | {"sdml-job", "sdml-submitter"}
    assert names(made, "ServiceAccount") == used
    claims = {
        volume["persistentVolumeClaim"]["claimName"]
        for pod in pods(made)
        for volume in pod.spec["volumes"]
        if "persistentVolumeClaim" in volume
    }
    assert names(made, "PersistentVolumeClaim") == claims


def test_arguments_name_variables_that_are_set(made: list[Object]) -> None:
    maps = {item["metadata"]["name"]: item["data"] for item in of_kind(made, "ConfigMap")}
    for pod in pods(made):
        for container in pod.containers:
            known = {variable["name"] for variable in container.get("env", ())}
            for source in container.get("envFrom", ()):
                known |= set(maps.get(source.get("configMapRef", {}).get("name"), ()))
            for argument in container.get("args", ()):
                for part in str(argument).split("$(")[1:]:
                    assert part.split(")")[0] in known, f"{pod.where}: {argument}"


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_endpoints_are_those_of_the_services(name: str) -> None:
    made = with_platform(name)
    (endpoints,) = [m["data"] for m in of_kind(made, "ConfigMap") if _is(m, "sdml-endpoints")]
    assert set(endpoints) == {
        "SDML_STORE",
        "MLFLOW_TRACKING_URI",
        "AWS_ENDPOINT_URL_S3",
        "AWS_DEFAULT_REGION",
    }
    services = {
        f"http://{item['metadata']['name']}.sdml.svc:{item['spec']['ports'][0]['port']}"
        for item in of_kind(made, "Service")
    }
    assert endpoints["MLFLOW_TRACKING_URI"] in services
    if "object-store" in names(made, "Service"):
        assert endpoints["AWS_ENDPOINT_URL_S3"] in services
    else:
        assert endpoints["AWS_ENDPOINT_URL_S3"].startswith("https://")


@pytest.mark.parametrize("name", OVERLAYS)
def test_no_address_holds_a_password(name: str) -> None:
    for item in of_kind(with_platform(name), "ConfigMap"):
        for key, value in item["data"].items():
            if "://" in value and "\n" not in value:
                login = value.split("://", 1)[1].rpartition("@")[0]
                assert ":" not in login, f"{item['metadata']['name']}: {key}"


def _is(item: dict[str, Any], name: str) -> bool:
    return bool(item["metadata"]["name"] == name)
