"""Follows a Job's pods and their logs to its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing

from pipelines.job.cluster import Cluster, Object
from pipelines.job.logs import LogReader
from pipelines.job.pod_state import containers, describe, result
from pipelines.job.refusal import Asked, ClusterRefusalError, UnavailableError
from sdml.errors import SDMLError, UserError

_PATIENCE_SECONDS = 600.0
_PAUSE_SECONDS = 5.0
_TRIES = 3  # a log that cannot be read so often, as that of a lost node, holds nothing up
_ADVICE = {
    "PodFailurePolicy": "the input must change, and the log above says how",
    "BackoffLimitExceeded": "the log above says why; the same Job again goes on from there",
    "DeadlineExceeded": "raise timeout_seconds in the modality's resources; the same Job again "
    "goes on from there",
}
# What the pods' own conditions tell as well, and better.
_TOLD_ELSEWHERE = {"FailedScheduling", "Failed", "BackOff", "BackoffLimitExceeded", "Evicted"}


class JobFailedError(SDMLError):
    """The Job failed, or is gone."""


class JobRefusedError(UserError):
    """The Job failed at its first try, because its input must change."""


class Watcher:
    """Follows one Job.

    Args:
        say: takes each line about states, and of logs.
        pause: how long a state may go unseen, in seconds.
        patience: how long the cluster may be out of reach, in seconds.
    """

    def __init__(
        self,
        cluster: Cluster,
        name: str,
        namespace: str,
        say: Callable[[str], None],
        *,
        pause: float = _PAUSE_SECONDS,
        patience: float = _PATIENCE_SECONDS,
    ) -> None:
        self._cluster, self._say = cluster, say
        self._name, self._namespace = name, namespace
        self._pause, self._patience = pause, patience
        self._said: set[str] = set()
        self._readers: dict[tuple[str, str], LogReader] = {}
        self._read: set[tuple[str, str]] = set()
        self._seen = False
        self._results: dict[str, str] = {}

    def run(self) -> str | None:
        """Follow the Job; returns the result that it left.

        Raises:
            JobFailedError: it failed, or was removed.
            JobRefusedError: it failed by a user's mistake.
            ClusterRefusalError: no such Job, or no right to see it.
            UnavailableError: the cluster was out of reach for too long.
        """
        lost: float | None = None
        while True:
            try:
                if self._step():
                    return next(iter(self._results.values()), None)
                lost = None
            except UnavailableError as error:
                now = time.monotonic()
                lost = now if lost is None else lost
                if now - lost > self._patience:
                    raise
                self._once(f"trying again: {error}")
                time.sleep(self._pause)

    def _step(self) -> bool:
        """Look once, and wait for a change; True when the Job is complete."""
        job = self._job()
        pods, version = self._pods()
        for pod in pods:
            for line in describe(pod):
                self._once(line)
            if (left := result(pod)) is not None:
                self._results[pod["metadata"]["uid"]] = left
        if not pods and job["spec"].get("suspend"):
            self._once(f"job {self._name}: suspended: waits to be admitted")
        ended = {c["type"]: c for c in job.get("status", {}).get("conditions", ())}
        again = self._copy_logs(pods)
        if not again and ended.get("Failed", {}).get("status") == "True":
            raise self._failure(ended["Failed"])
        if not again and ended.get("Complete", {}).get("status") == "True":
            return True
        self._warn(pods)
        if pods and all(pod["status"].get("phase") in ("Succeeded", "Failed") for pod in pods):
            name = ("fieldSelector", f"metadata.name={self._name}")
            self._wait("jobs", name, job["metadata"]["resourceVersion"])
        else:
            self._wait("pods", self._selector(), version)
        return False

    def _job(self) -> Object:
        try:
            job = self._cluster.get(self._asked("get", "jobs", self._name))
        except ClusterRefusalError as error:
            if error.status == 404 and self._seen:
                raise JobFailedError(
                    f"job {self._name} must stay until its end, and was removed from namespace "
                    f"{self._namespace}: apply it again to go on from its checkpoint"
                ) from error
            raise
        self._seen = True
        return job

    def _pods(self) -> tuple[list[Object], str]:
        """The Job's pods, oldest first, and the version of the list."""
        found = self._cluster.get(self._asked("list", "pods"), [self._selector()])
        pods = sorted(
            found.get("items", ()),
            key=lambda pod: (pod["metadata"]["creationTimestamp"], pod["metadata"]["name"]),
        )
        return pods, str(found["metadata"]["resourceVersion"])

    def _copy_logs(self, pods: list[Object]) -> bool:
        """Say the logs; True if a container was still running, so that its state is old now."""
        for pod in pods:
            for name, state in containers(pod):
                key = (pod["metadata"]["uid"], name)
                if key in self._read or not ({"running", "terminated"} & state.keys()):
                    continue
                reader = self._readers.setdefault(
                    key, LogReader(pod["metadata"]["name"], name, self._namespace)
                )
                try:
                    for line in reader.lines(self._cluster):
                        self._say(f"{name} | {line}")
                except UnavailableError as error:
                    if reader.failures < _TRIES:
                        return True
                    self._once(f"no log of {name}: {error}")
                    continue
                except ClusterRefusalError as error:
                    self._once(f"no log of {name}: {error}")
                    if error.status == 404:
                        self._read.add(key)
                    continue
                if "terminated" not in state:
                    return True
                self._read.add(key)
        return False

    def _warn(self, pods: list[Object]) -> None:
        """Say warnings about the Job and its pods: a quota, a volume, a refused pod."""
        waiting = [p["metadata"]["name"] for p in pods if p["status"].get("phase") == "Pending"]
        for kind, name in [("Job", self._name), *(("Pod", pod) for pod in waiting)]:
            about = f"involvedObject.kind={kind},involvedObject.name={name},type=Warning"
            try:
                found = self._cluster.get(self._asked("list", "events"), [("fieldSelector", about)])
            except ClusterRefusalError:
                return  # no right to see events: the rest is told all the same
            for event in found.get("items", ()):
                if event.get("reason") not in _TOLD_ELSEWHERE:
                    message = " ".join(str(event.get("message", "")).split())
                    self._once(f"{kind.lower()} {name}: {event.get('reason')}: {message}")

    def _wait(self, resource: str, selector: tuple[str, str], version: str) -> None:
        """Until something changes, but not for long: what is not watched may change too."""
        query = [
            selector,
            ("watch", "true"),
            ("resourceVersion", version),
            ("timeoutSeconds", str(max(1, round(self._pause)))),
        ]
        begin = time.monotonic()
        with closing(self._cluster.lines(self._asked("watch", resource), query)) as changes:
            if next(changes, None) is not None:
                return
        time.sleep(max(0.0, min(self._pause, 1.0) - (time.monotonic() - begin)))

    def _failure(self, condition: Object) -> SDMLError:
        reason = str(condition.get("reason", ""))
        said = " ".join(str(condition.get("message", "")).split())
        advice = _ADVICE.get(reason, "see 'kubectl describe job'")
        kind = JobRefusedError if reason == "PodFailurePolicy" else JobFailedError
        return kind(f"job {self._name} failed: {reason}: {said}: {advice}")

    def _once(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            self._say(line)

    def _selector(self) -> tuple[str, str]:
        return ("labelSelector", f"batch.kubernetes.io/job-name={self._name}")

    def _asked(self, verb: str, resource: str, name: str = "") -> Asked:
        return Asked(verb=verb, resource=resource, namespace=self._namespace, name=name)
