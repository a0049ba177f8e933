"""Requests, limits, the namespace's defaults and its quota agree, and a trial's work fits."""

from __future__ import annotations

from decimal import Decimal

import pytest

from k8s.check.kustomizations import Object
from sdml.experiment.quantity import bytes_of, cores
from tests.k8s.manifests import APPLIED, OVERLAYS, Pod, named, objects_of, of_kind, pods


def amount(resource: str, text: object) -> Decimal:
    if resource.endswith("cpu"):
        return cores(str(text))
    if resource.endswith(("memory", "storage")):
        return Decimal(bytes_of(str(text)))
    return Decimal(str(text))


def needed(pod: Pod, side: str, resource: str) -> Decimal:
    """What a pod counts as: its containers together, or its largest init container."""

    def of(container: dict[str, dict[str, dict[str, str]]]) -> Decimal:
        text = container["resources"][side].get(resource)
        return Decimal(0) if text is None else amount(resource, text)

    together = sum((of(c) for c in pod.spec["containers"]), Decimal(0))
    return max([together, *(of(c) for c in pod.spec.get("initContainers", ()))])


@pytest.mark.parametrize("name", APPLIED)
def test_requests_are_within_limits(name: str) -> None:
    for pod in pods(objects_of(name)):
        for container in pod.containers:
            limits = container["resources"]["limits"]
            for resource, request in container["resources"]["requests"].items():
                assert amount(resource, request) <= amount(resource, limits[resource]), pod.where


@pytest.mark.parametrize("name", APPLIED)
def test_every_container_passes_the_limit_range(name: str) -> None:
    made = objects_of(name if name in OVERLAYS else "overlays/trial")
    (limit_range,) = of_kind(made, "LimitRange")
    for rule in limit_range["spec"]["limits"]:
        assert rule["type"] == "Container"
        assert set(rule) <= {"type", "default", "defaultRequest", "min", "max"}
        for resource, request in rule["defaultRequest"].items():
            assert amount(resource, request) <= amount(resource, rule["default"][resource])
        for pod in pods(objects_of(name)):
            for container in pod.containers:
                for side in ("requests", "limits"):
                    for resource, text in container["resources"][side].items():
                        value = amount(resource, text)
                        least, most = rule.get("min", {}), rule.get("max", {})
                        assert value >= amount(resource, least.get(resource, text))
                        assert value <= amount(resource, most.get(resource, text)), pod.where


def total(made: list[Object], side: str, resource: str) -> Decimal:
    return sum((needed(pod, side, resource) * pod.copies for pod in pods(made)), Decimal(0))


@pytest.mark.parametrize("name", OVERLAYS)
def test_what_runs_fits_the_quota_with_three_trainings_at_once(name: str) -> None:
    made = objects_of(name)
    hard = named(made, "ResourceQuota", "compute")["spec"]["hard"]
    training = objects_of("jobs/example") + 2 * objects_of("jobs/train-modality")
    for side in ("requests", "limits"):
        for resource in ("cpu", "memory"):
            used = total(made + training, side, resource)
            assert used <= amount(resource, hard[f"{side}.{resource}"]), f"{side}.{resource}"
    running = sum(pod.copies for pod in pods(made + training))
    assert running <= int(hard["pods"])
    claims = of_kind(made, "PersistentVolumeClaim")
    assert len(claims) <= int(hard["persistentvolumeclaims"])
    storage = sum(bytes_of(c["spec"]["resources"]["requests"]["storage"]) for c in claims)
    assert storage <= bytes_of(hard["requests.storage"])


def test_jobs_with_gpus_fit_the_production_quota() -> None:
    made = objects_of("overlays/production")
    hard = named(made, "ResourceQuota", "accelerators")["spec"]["hard"]
    for name in APPLIED:
        if name.startswith("jobs/"):
            used = total(objects_of(name), "limits", "nvidia.com/gpu")
            assert used <= int(hard["requests.nvidia.com/gpu"]), name
