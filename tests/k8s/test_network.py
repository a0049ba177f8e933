"""Services reach pods, policies select pods, and exactly the intended connections are open."""

from __future__ import annotations

from typing import Any

import pytest

from k8s.check.kustomizations import Object
from tests.k8s.manifests import (
    APPLIED,
    OVERLAYS,
    named,
    objects_of,
    of_kind,
    pods,
    selects,
    with_platform,
)

SDML = {"app.kubernetes.io/name": "sdml", "app.kubernetes.io/component": "train"}
MLFLOW = {"app.kubernetes.io/name": "mlflow", "app.kubernetes.io/component": "tracking"}
STORE = {"app.kubernetes.io/name": "object-store", "app.kubernetes.io/component": "store"}
DATABASE = {"app.kubernetes.io/name": "postgres", "app.kubernetes.io/component": "database"}
BACKUP = {"app.kubernetes.io/name": "postgres", "app.kubernetes.io/component": "backup"}
STRANGER = {"app.kubernetes.io/name": "stranger"}

# Pods that are not made by a kustomization: those that Kubeflow Pipelines starts.
STARTED_ELSEWHERE = [{**SDML, "workflows.argoproj.io/workflow": "train-x7k2p"}]


def opens(made: list[Object], direction: str, pod: dict[str, str], peer: Any, port: int) -> bool:
    """Whether a policy lets ``pod`` talk to (or be reached by) ``peer`` at ``port``.

    ``peer`` is the labels of a pod in the same namespace, or an address block.
    """
    for policy in of_kind(made, "NetworkPolicy"):
        if not selects(policy["spec"]["podSelector"], pod):
            continue
        for rule in policy["spec"].get(direction, ()):
            if port not in [p["port"] for p in rule.get("ports", [{"port": port}])]:
                continue
            for other in rule["to" if direction == "egress" else "from"]:
                if isinstance(peer, str):
                    if other.get("ipBlock", {}).get("cidr") == peer:
                        return True
                elif (
                    "podSelector" in other
                    and "namespaceSelector" not in other
                    and selects(other["podSelector"], peer)
                ):
                    return True
    return False


def connected(
    made: list[Object], source: dict[str, str], target: dict[str, str], port: int
) -> bool:
    """Whether both sides let a connection through."""
    return opens(made, "egress", source, target, port) and opens(
        made, "ingress", target, source, port
    )


@pytest.mark.parametrize("name", OVERLAYS)
def test_nothing_is_open_by_default(name: str) -> None:
    deny = named(objects_of(name), "NetworkPolicy", "default-deny")
    assert deny["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for policy in of_kind(objects_of(name), "NetworkPolicy"):
        for direction in ("ingress", "egress"):
            assert (direction in policy["spec"]) <= (
                direction.capitalize() in policy["spec"]["policyTypes"]
            )
            for rule in policy["spec"].get(direction, ()):
                assert rule["to" if direction == "egress" else "from"], policy["metadata"]["name"]
                assert rule["ports"], policy["metadata"]["name"]


def test_open_connections_of_the_trial() -> None:
    made = objects_of("overlays/trial")
    assert connected(made, SDML, STORE, 8333)
    assert connected(made, SDML, MLFLOW, 5000)
    assert connected(made, MLFLOW, STORE, 8333)
    assert not connected(made, SDML, STORE, 8888)  # SeaweedFS's filer asks for no password
    assert not connected(made, STRANGER, STORE, 8333)
    assert not connected(made, STRANGER, MLFLOW, 5000)
    assert not opens(made, "egress", SDML, "0.0.0.0/0", 443)


def test_open_connections_with_a_database() -> None:
    made = objects_of("overlays/standalone")
    assert connected(made, MLFLOW, DATABASE, 5432)
    assert connected(made, BACKUP, DATABASE, 5432)
    assert not connected(made, SDML, DATABASE, 5432)
    assert not opens(made, "egress", DATABASE, MLFLOW, 5000)


def test_open_connections_with_outside_services() -> None:
    made = objects_of("overlays/production")
    assert connected(made, SDML, MLFLOW, 5000)
    assert opens(made, "egress", SDML, "0.0.0.0/0", 443)
    assert opens(made, "egress", MLFLOW, "0.0.0.0/0", 443)
    assert opens(made, "egress", MLFLOW, "0.0.0.0/0", 5432)
    assert not opens(made, "egress", SDML, "0.0.0.0/0", 5432)


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_metadata_service_of_a_cloud_is_closed(name: str) -> None:
    for policy in of_kind(objects_of(name), "NetworkPolicy"):
        for rule in policy["spec"].get("egress", ()):
            for other in rule["to"]:
                if other.get("ipBlock", {}).get("cidr") == "0.0.0.0/0":
                    assert other["ipBlock"]["except"] == ["169.254.0.0/16"]


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_pod_may_ask_for_names(name: str) -> None:
    dns = named(objects_of(name), "NetworkPolicy", "dns")["spec"]
    assert dns["podSelector"] == {}
    assert {(p["port"], p["protocol"]) for p in dns["egress"][0]["ports"]} == {
        (53, "UDP"),
        (53, "TCP"),
    }


@pytest.mark.parametrize("name", APPLIED)
def test_policies_select_pods(name: str) -> None:
    made = with_platform(name) + objects_of("jobs/example")
    labels = [dict(pod.labels) for pod in pods(made)] + STARTED_ELSEWHERE
    for policy in of_kind(made, "NetworkPolicy"):
        selector = policy["spec"]["podSelector"]
        assert any(selects(selector, pod) for pod in labels), policy["metadata"]["name"]


@pytest.mark.parametrize("name", OVERLAYS)
def test_services_and_budgets_select_pods_of_one_owner(name: str) -> None:
    made = objects_of(name)
    assert of_kind(made, "Service")
    for service in of_kind(made, "Service"):
        chosen = [
            p for p in pods(made) if selects({"matchLabels": service["spec"]["selector"]}, p.labels)
        ]
        assert len(chosen) == 1, service["metadata"]["name"]
        exposed = {port["name"] for c in chosen[0].containers for port in c.get("ports", ())}
        for port in service["spec"]["ports"]:
            assert port["targetPort"] in exposed, service["metadata"]["name"]
    for budget in of_kind(made, "PodDisruptionBudget"):
        chosen = [p for p in pods(made) if selects(budget["spec"]["selector"], p.labels)]
        assert len(chosen) == 1, budget["metadata"]["name"]
        assert budget["spec"]["maxUnavailable"] == 1  # a single pod must not hold up a drain


@pytest.mark.parametrize("name", APPLIED)
def test_selectors_match_their_own_template(name: str) -> None:
    for pod in pods(of_kind(objects_of(name), "Deployment", "StatefulSet")):
        selector = pod.owner["spec"]["selector"]
        assert selects(selector, pod.labels), pod.where
        if pod.owner["kind"] == "StatefulSet":
            named(objects_of(name), "Service", pod.owner["spec"]["serviceName"])
