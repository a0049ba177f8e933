"""Strict validation of objects against the schemas of several versions of Kubernetes.

A field that a version does not know is refused, as a server with strict validation refuses it.
Kinds that are not Kubernetes' own have no schema here; only those of ``CUSTOM_KINDS`` may occur.
"""

from __future__ import annotations

import kubernetes_validate  # type: ignore[import-untyped]
from kubernetes_validate.utils import (  # type: ignore[import-untyped]
    SchemaNotFoundError,
    ValidationError,
)

from k8s.check.kustomizations import Object

VERSIONS = ("1.30", "1.31", "1.32", "1.33", "1.34", "1.35", "1.36")

# kind → the project that defines it and the versions of it that serve this API
CUSTOM_KINDS = {
    ("kueue.x-k8s.io/v1beta2", "ClusterQueue"): "Kueue 0.15 or newer",
    ("kueue.x-k8s.io/v1beta2", "LocalQueue"): "Kueue 0.15 or newer",
    ("kueue.x-k8s.io/v1beta2", "ResourceFlavor"): "Kueue 0.15 or newer",
    ("trainer.kubeflow.org/v1alpha1", "TrainJob"): "Kubeflow Trainer 2",
    ("trainer.kubeflow.org/v1alpha1", "TrainingRuntime"): "Kubeflow Trainer 2",
    ("external-secrets.io/v1", "ExternalSecret"): "External Secrets 0.16 or newer",
}


def problems_of(item: Object, versions: tuple[str, ...] = VERSIONS) -> list[str]:
    """What is wrong with an object, one line for each version and problem."""
    for field in ("apiVersion", "kind", "metadata"):
        if field not in item:
            return [f"an object has no {field}"]
    api, kind = item["apiVersion"], item["kind"]
    name = f"{kind} {item['metadata'].get('name') or item['metadata'].get('generateName')}"
    if (api, kind) in CUSTOM_KINDS:
        return []
    problems = []
    for version in versions:
        try:
            kubernetes_validate.validate(item, version, strict=True)
        except SchemaNotFoundError:
            problems.append(
                f"{name}: Kubernetes {version} has no {kind} of {api}, and it is not one of the "
                "custom kinds in k8s/check/schemas.py"
            )
        except ValidationError as error:
            where = ".".join(str(part) for part in error.path) or "the object"
            problems.append(f"{name}: Kubernetes {version}: {where}: {error.message}")
    return problems
