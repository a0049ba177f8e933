"""Creates a training Job with its ConfigMap in a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from pipelines.job.cluster import Cluster, Object
from pipelines.job.refusal import Asked, UnavailableError
from sdml.errors import SDMLError


def apply(cluster: Cluster, objects: Sequence[Object]) -> str | None:
    """Create the two objects of :func:`manifests`; the ConfigMap then goes when the Job goes.

    The ConfigMap comes first, as pods wait for it. If the Job is refused, it is taken back; if
    nobody knows whether the Job was made, it stays.

    Returns:
        None, or what a person should know although the Job was created.

    Raises:
        SDMLError: the cluster refused one of them, or does not answer.
    """
    config_map, job = objects
    name, namespace = job["metadata"]["name"], job["metadata"]["namespace"]
    cluster.create(_asked("create", "configmaps", namespace), config_map)
    try:
        made = cluster.create(_asked("create", "jobs", namespace), job)
    except UnavailableError:
        raise
    except SDMLError:
        with suppress(SDMLError):  # the first error is the one to tell
            cluster.delete(_asked("delete", "configmaps", namespace, name))
        raise
    owner = {
        "apiVersion": job["apiVersion"],
        "kind": job["kind"],
        "name": name,
        "uid": made["metadata"]["uid"],
    }
    try:
        cluster.patch(
            _asked("patch", "configmaps", namespace, name),
            {"metadata": {"ownerReferences": [owner]}},
        )
    except SDMLError as error:
        return f"the ConfigMap {name} will stay when the Job goes: {error}"
    return None


def _asked(verb: str, resource: str, namespace: str, name: str = "") -> Asked:
    return Asked(verb=verb, resource=resource, namespace=namespace, name=name)
