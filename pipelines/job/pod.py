"""The pod of a training Job: the same as k8s/jobs makes, from an experiment file's settings."""

from __future__ import annotations

from typing import Any

from pipelines.job.pod_experiment import FILE, FOLDER
from sdml.experiment import ClusterSettings, ResourceSettings, TolerationSettings

Object = dict[str, Any]

_USER = 10001
_FILE = f"{FOLDER}/{FILE}"
_LABEL = "metadata.labels['sdml.dev/modality']"  # the pod's own, so that it is said once
_SELECTED = [_FILE, "--modality", "$(SDML_MODALITY)"]


def pod_spec(cluster: ClusterSettings, resources: ResourceSettings, *, config_map: str) -> Object:
    """The pod's specification.

    Args:
        config_map: the name of the ConfigMap that holds the experiment file.
    """
    prepare = _container("prepare", cluster, resources, accelerator=False) | {
        "command": ["sdml"],
        "args": ["prepare", *_SELECTED, "--new-modality"],
    }
    train = _container("train", cluster, resources, accelerator=True) | _training(resources)
    spec: Object = {
        "restartPolicy": "Never",
        "serviceAccountName": cluster.service_account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 120,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "initContainers": [prepare],
        "containers": [train],
        "volumes": _volumes(resources, config_map),
    }
    if cluster.image_pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in cluster.image_pull_secrets]
    if resources.node_selector:
        spec["nodeSelector"] = dict(resources.node_selector)
    if resources.tolerations:
        spec["tolerations"] = [_toleration(settings) for settings in resources.tolerations]
    if resources.priority_class:
        spec["priorityClassName"] = resources.priority_class
    return spec


def _training(resources: ResourceSettings) -> Object:
    """The command: a process for each accelerator if there are several.

    Not by torchrun, which ends with 1 whatever has happened: a mistake or a preemption could not be
    told from a failure.
    """
    arguments = ["train", *_SELECTED, "--result", "/dev/termination-log"]
    if resources.count > 1:
        arguments += ["--processes", str(resources.count)]
    return {"command": ["sdml"], "args": arguments}


def _container(
    name: str, cluster: ClusterSettings, resources: ResourceSettings, *, accelerator: bool
) -> Object:
    limits = {
        "cpu": resources.cpu_limit or resources.cpu,
        "memory": resources.memory_limit or resources.memory,
    }
    if accelerator and resources.accelerator:
        limits[resources.accelerator] = str(resources.count)
    tracking = {"name": cluster.tracking_secret, "optional": True}
    return {
        "name": name,
        "image": cluster.image_for(resources),
        "imagePullPolicy": cluster.image_pull_policy,
        "env": [{"name": "SDML_MODALITY", "valueFrom": {"fieldRef": {"fieldPath": _LABEL}}}],
        "envFrom": [
            {"configMapRef": {"name": cluster.config_map}},
            {"secretRef": {"name": cluster.store_secret}},
            {"secretRef": tracking},
        ],
        "resources": {
            "requests": {"cpu": resources.cpu, "memory": resources.memory},
            "limits": limits,
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"name": "experiment", "mountPath": str(FOLDER), "readOnly": True},
            {"name": "scratch", "mountPath": "/scratch"},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  (a mount of the pod's own)
            {"name": "shared-memory", "mountPath": "/dev/shm"},  # noqa: S108
        ],
    }


def _volumes(resources: ResourceSettings, config_map: str) -> list[Object]:
    scratch = resources.scratch
    room: Object = {"emptyDir": {"sizeLimit": scratch.size}}
    if scratch.claim:
        room = {"persistentVolumeClaim": {"claimName": scratch.claim}}
    memory = {"medium": "Memory", "sizeLimit": resources.shared_memory}
    return [
        {"name": "experiment", "configMap": {"name": config_map}},
        {"name": "scratch", **room},
        {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}},
        {"name": "shared-memory", "emptyDir": memory},
    ]


def _toleration(settings: TolerationSettings) -> Object:
    found = {
        "key": settings.key,
        "operator": settings.operator,
        "value": settings.value,
        "effect": settings.effect,
        "tolerationSeconds": settings.seconds,
    }
    return {name: value for name, value in found.items() if value is not None}
