"""The rendered objects of every kustomization, and questions about them that several tests ask."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

from k8s.check.kustomizations import ROOT, Object, kustomizations, objects, render

ALL = kustomizations()
APPLIED = [item.name for item in ALL if item.applied]
OVERLAYS = [name for name in APPLIED if name.startswith("overlays/")]


@cache
def _objects(name: str) -> tuple[Object, ...]:
    return tuple(objects(render(ROOT / name)))


def objects_of(name: str) -> list[Object]:
    """What a kustomization makes. Skips the test where kubectl is missing."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl, which builds the kustomizations, is not on PATH")
    return list(_objects(name))


def with_platform(name: str) -> list[Object]:
    """The objects of a kustomization; Jobs are seen together with the trial that they run in."""
    made = objects_of(name)
    return made if name in OVERLAYS else made + objects_of("overlays/trial")


def of_kind(made: list[Object], *kinds: str) -> list[Object]:
    """The objects of these kinds."""
    return [item for item in made if item["kind"] in kinds]


def named(made: list[Object], kind: str, name: str) -> Object:
    """The one object of this kind and name."""
    (found,) = [item for item in of_kind(made, kind) if item["metadata"]["name"] == name]
    return found


@dataclass(frozen=True, kw_only=True)
class Pod:
    """A pod that some object makes. ``copies`` at the same time."""

    owner: Object
    labels: Mapping[str, str]
    spec: dict[str, Any]
    copies: int

    @property
    def where(self) -> str:
        return f"{self.owner['kind']} {self.owner['metadata']['name']}"

    @property
    def containers(self) -> list[dict[str, Any]]:
        """All of them, init containers first."""
        return [*self.spec.get("initContainers", ()), *self.spec["containers"]]


def pods(made: list[Object]) -> Iterator[Pod]:
    """Every pod that the objects make."""
    for item in made:
        spec = item.get("spec", {})
        copies = spec.get("replicas", 1)
        if item["kind"] == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        templates = [spec["template"]] if item["kind"] in _TEMPLATED else []
        if item["kind"] == "TrainingRuntime":
            replicated = spec["template"]["spec"]["replicatedJobs"]
            templates = [job["template"]["spec"]["template"] for job in replicated]
        for template in templates:
            labels = template["metadata"].get("labels", {})
            yield Pod(owner=item, labels=labels, spec=template["spec"], copies=copies)


_TEMPLATED = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")


def selects(selector: dict[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector selects these labels."""
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for rule in selector.get("matchExpressions", ()):
        present = rule["key"] in labels
        holds = {
            "Exists": present,
            "DoesNotExist": not present,
            "In": labels.get(rule["key"]) in rule.get("values", ()),
            "NotIn": labels.get(rule["key"]) not in rule.get("values", ()),
        }[rule["operator"]]
        if not holds:
            return False
    return True
