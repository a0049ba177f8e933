"""A training Job and its ConfigMap as Kubernetes objects, and as YAML for ``kubectl``."""

from __future__ import annotations

import yaml

from pipelines.job.pod import Object, pod_spec
from pipelines.job.pod_experiment import FILE, PodExperiment

_WEEK = 604_800
_USERS_MISTAKE = 2
_STOPPED = 143


def manifests(source: PodExperiment, *, name: str, namespace: str) -> list[Object]:
    """The ConfigMap with the experiment file, and the Job that reads it; both have one name."""
    experiment = source.experiment
    resources = experiment.resources_of(source.modality)
    own = {"sdml.dev/collection": experiment.collection, "sdml.dev/modality": source.modality}
    labels = {
        "app.kubernetes.io/name": "sdml",
        "app.kubernetes.io/part-of": "sdml",
        "app.kubernetes.io/component": "train",
        **own,
    }
    queue = {"kueue.x-k8s.io/queue-name": resources.queue} if resources.queue else {}
    config_map: Object = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels)},
        "immutable": True,
        "data": {FILE: source.text},
    }
    job: Object = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": namespace, "labels": {**labels, **queue}},
        "spec": {
            "backoffLimit": resources.retries,
            "activeDeadlineSeconds": resources.timeout_seconds,
            "ttlSecondsAfterFinished": _WEEK,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {"rules": _failure_rules()},
            "template": {
                "metadata": {"labels": dict(labels)},
                "spec": pod_spec(experiment.cluster, resources, config_map=name),
            },
        },
    }
    return [config_map, job]


def to_yaml(objects: list[Object]) -> str:
    """YAML documents that ``kubectl apply -f -`` takes."""
    return yaml.dump_all(
        objects, Dumper=_Readable, sort_keys=False, allow_unicode=True, explicit_start=True
    )


def _failure_rules() -> list[Object]:
    """A user's mistake ends the Job; a stopped or displaced pod counts as no failure."""
    return [
        {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [_USERS_MISTAKE]}},
        {"action": "Ignore", "onExitCodes": {"operator": "In", "values": [_STOPPED]}},
        {
            "action": "Ignore",
            "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
        },
    ]


class _Readable(yaml.SafeDumper):
    """Shows texts of several lines as they are."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Readable.add_representer(str, _text)
