"""What a pod's status says, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipelines.job.cluster import Object

_ORDINARY = {"ContainerCreating", "PodInitializing"}
_ADVICE = {
    "ErrImagePull": "check image and image_pull_secrets in the cluster section",
    "ImagePullBackOff": "check image and image_pull_secrets in the cluster section",
    "InvalidImageName": "check image in the cluster section",
    "CreateContainerConfigError": "install the platform first (docs/cluster.md)",
    "OOMKilled": "raise memory_limit in the modality's resources",
}
_STOPPED = 143


def describe(pod: Object) -> list[str]:
    """Everything worth telling about a pod, oldest first; the same state gives the same lines."""
    name, status = pod["metadata"]["name"], pod.get("status", {})
    return [f"pod {name}: {line}" for line in _lines(pod.get("spec", {}), status)]


def containers(pod: Object) -> list[tuple[str, Object]]:
    """Name and state (``waiting``, ``running`` or ``terminated``) of each, in order of running."""
    status = pod.get("status", {})
    found = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
    return [(one["name"], one.get("state", {})) for one in found]


def result(pod: Object) -> str | None:
    """What the main container left as its result, if it ended well."""
    for one in pod.get("status", {}).get("containerStatuses", ()):
        ended = one.get("state", {}).get("terminated", {})
        if ended.get("exitCode") == 0 and ended.get("message"):
            return str(ended["message"]).strip()
    return None


def _lines(spec: Object, status: Object) -> Iterator[str]:
    conditions = {one["type"]: one for one in status.get("conditions", ())}
    scheduled = conditions.get("PodScheduled", {})
    if scheduled.get("status") == "False":
        yield f"waits for a node: {_because(scheduled)}"
    if spec.get("nodeName"):
        yield f"on node {spec['nodeName']}"
    for name, state in containers({"status": status}):
        yield from _container(name, state)
    if conditions.get("DisruptionTarget", {}).get("status") == "True":
        yield f"displaced, to be started again: {_because(conditions['DisruptionTarget'])}"
    if status.get("phase") == "Failed" and status.get("reason"):
        yield _because(status)


def _container(name: str, state: Object) -> Iterator[str]:
    waiting = state.get("waiting", {}).get("reason", "")
    if waiting and waiting not in _ORDINARY:
        yield f"{name} waits: {_because(state['waiting'])}{_advice(waiting)}"
    if "running" in state:
        yield f"{name} runs"
    ended = state.get("terminated")
    if ended:
        code, reason = ended.get("exitCode"), ended.get("reason", "")
        if code == 0:
            yield f"{name} is done"
        elif code == _STOPPED:
            yield f"{name} was stopped"
        else:
            word = f" ({reason})" if reason and reason != "Error" else ""
            yield f"{name} ended with exit code {code}{word}{_advice(reason)}"


def _because(of: Any) -> str:
    words = [" ".join(str(of.get(key, "")).split()) for key in ("reason", "message")]
    return ": ".join(word for word in words if word)


def _advice(reason: str) -> str:
    return f": {_ADVICE[reason]}" if reason in _ADVICE else ""
