"""A Job followed to its end, while the test plays scheduler, kubelet and Job controller."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.job.apply import apply
from pipelines.job.cluster import Cluster
from pipelines.job.manifest import manifests
from pipelines.job.pod_experiment import read_for_pod
from pipelines.job.refusal import ClusterRefusalError, UnavailableError
from pipelines.job.watch import JobFailedError, JobRefusedError, Watcher
from sdml.errors import SDMLError
from tests.servers.kubernetes import KubernetesServer

JOB = "sdml-train-audio-1"
RESULT = '{"encoder":"s3://b/tiny/encoders/audio/1"}'
STARTED = {"startedAt": "2026-01-31T09:30:01Z"}


class Follower:
    """A watcher in a thread of its own, and what it has said."""

    def __init__(self, cluster: Cluster, *, patience: float = 60) -> None:
        self.lines: list[str] = []
        self.result: str | None = None
        self.error: SDMLError | None = None
        self._changed = threading.Condition()
        self._watcher = Watcher(cluster, JOB, "sdml", self._say, pause=0.1, patience=patience)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def until(self, words: str) -> None:
        """Wait until a line with these words was said."""
        with self._changed:
            said = self._changed.wait_for(
                lambda: any(words in line for line in self.lines), timeout=20
            )
        assert said, f"{words!r} was not said: {self.lines}"

    def end(self) -> None:
        self._thread.join(timeout=20)
        assert not self._thread.is_alive(), self.lines

    def log(self) -> list[str]:
        return [line for line in self.lines if " | " in line]

    def _say(self, line: str) -> None:
        with self._changed:
            self.lines.append(line)
            self._changed.notify_all()

    def _run(self) -> None:
        try:
            self.result = self._watcher.run()
        except SDMLError as error:
            self.error = error


@pytest.fixture
def job(cluster: Cluster, server: KubernetesServer, experiment_file: Path) -> str:
    source = read_for_pod(experiment_file, "audio")
    apply(cluster, manifests(source, name=JOB, namespace="sdml"))
    return JOB


@pytest.fixture
def follower(cluster: Cluster, server: KubernetesServer, job: str) -> Iterator[Follower]:
    started = Follower(cluster)
    yield started
    server.close()
    started.end()


def stamp(second: int, text: str, part: str = "000000000") -> str:
    return f"2026-01-31T09:30:{second:02d}.{part}Z {text}"


def ended(code: int, reason: str = "Error", message: str = "") -> dict[str, object]:
    return {"exitCode": code, "reason": reason, "message": message}


def succeed(server: KubernetesServer, pod: str) -> None:
    """The rest of an ordinary run."""
    server.container(pod, "prepare", terminated=ended(0, "Completed"))
    server.container(pod, "train", running=STARTED)
    server.log(pod, "train", stamp(5, "epoch 1/2"), stamp(6, "epoch 2/2"))
    server.container(pod, "train", "Succeeded", terminated=ended(0, "Completed", RESULT))
    server.finish(JOB, "Complete")


def test_a_pod_from_pending_to_its_result(server: KubernetesServer, follower: Follower) -> None:
    pod = server.start_pod(JOB)
    server.container(pod, "prepare", "Pending", waiting={"reason": "PodInitializing"})
    server.container(pod, "prepare", running=STARTED)
    server.log(pod, "prepare", stamp(1, "sdml: prepared audio"))
    follower.until("prepare | sdml: prepared audio")
    server.container(pod, "prepare", terminated=ended(0, "Completed"))
    follower.until("prepare is done")
    server.container(pod, "train", running=STARTED)
    server.log(pod, "train", stamp(2, "epoch 1/2"))
    follower.until("train | epoch 1/2")
    server.log(pod, "train", stamp(3, "epoch 2/2"))
    server.container(pod, "train", "Succeeded", terminated=ended(0, "Completed", RESULT))
    server.finish(JOB, "Complete")
    follower.end()
    assert follower.error is None
    assert follower.result == RESULT
    assert follower.log() == [
        "prepare | sdml: prepared audio",
        "train | epoch 1/2",
        "train | epoch 2/2",
    ]
    states = [line for line in follower.lines if line.startswith("pod ")]
    assert states == [
        f"pod {pod}: prepare runs",
        f"pod {pod}: prepare is done",
        f"pod {pod}: train runs",
        f"pod {pod}: train is done",
    ]


def test_a_job_that_is_over_is_told_from_its_beginning(
    cluster: Cluster, server: KubernetesServer, job: str
) -> None:
    pod = server.start_pod(JOB)
    server.log(pod, "prepare", stamp(1, "sdml: prepared audio"))
    succeed(server, pod)
    lines: list[str] = []
    assert Watcher(cluster, JOB, "sdml", lines.append, pause=0.1).run() == RESULT
    assert [line for line in lines if "|" in line] == [
        "prepare | sdml: prepared audio",
        "train | epoch 1/2",
        "train | epoch 2/2",
    ]


def test_says_why_no_node_takes_the_pod(server: KubernetesServer, follower: Follower) -> None:
    why = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
    pod = server.start_pod(
        JOB,
        conditions=[
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": why}
        ],
    )
    follower.until(f"pod {pod}: waits for a node: Unschedulable: {why}")
    server.pod_status(pod, conditions=[{"type": "PodScheduled", "status": "True"}])
    succeed(server, pod)
    follower.end()
    assert follower.result == RESULT
    assert sum(why in line for line in follower.lines) == 1


@pytest.mark.parametrize(
    ("reason", "message", "advice"),
    [
        ("ErrImagePull", "sdml:9: not found", "check image and image_pull_secrets"),
        ("ImagePullBackOff", 'Back-off pulling image "sdml:9"', "check image"),
        ("CreateContainerConfigError", 'secret "s" not found', "install the platform first"),
    ],
)
def test_says_why_a_container_does_not_start(
    server: KubernetesServer, follower: Follower, reason: str, message: str, advice: str
) -> None:
    pod = server.start_pod(JOB)
    waiting = {"reason": reason, "message": message}
    server.container(pod, "prepare", "Pending", waiting=waiting)
    follower.until(f"pod {pod}: prepare waits: {reason}: {message}: {advice}")
    server.finish(JOB, "Failed", "DeadlineExceeded", "Job was active longer than its deadline")
    follower.end()
    assert isinstance(follower.error, JobFailedError)
    assert "DeadlineExceeded" in str(follower.error)
    assert "raise timeout_seconds" in str(follower.error)


def test_memory_that_did_not_suffice(server: KubernetesServer, follower: Follower) -> None:
    pod = server.start_pod(JOB)
    server.container(pod, "prepare", terminated=ended(0, "Completed"))
    server.container(pod, "train", "Failed", terminated=ended(137, "OOMKilled"))
    follower.until("train ended with exit code 137 (OOMKilled): raise memory_limit")
    server.finish(JOB, "Failed", "BackoffLimitExceeded", "Job has reached its backoff limit")
    follower.end()
    assert isinstance(follower.error, JobFailedError)
    assert follower.error.exit_code == 1


def test_a_users_mistake_is_exit_code_2(server: KubernetesServer, follower: Follower) -> None:
    pod = server.start_pod(JOB)
    server.log(pod, "prepare", stamp(1, "sdml: error: audio.npz: no array 'X'"))
    server.container(pod, "prepare", "Failed", terminated=ended(2))
    server.finish(
        JOB,
        "Failed",
        "PodFailurePolicy",
        f"Container prepare for pod sdml/{pod} failed with exit code 2 matching FailJob rule",
    )
    follower.end()
    assert isinstance(follower.error, JobRefusedError)
    assert follower.error.exit_code == 2
    assert "exit code 2" in str(follower.error)
    assert follower.log() == ["prepare | sdml: error: audio.npz: no array 'X'"]


def test_a_displaced_pod_is_followed_by_the_next(
    server: KubernetesServer, follower: Follower
) -> None:
    first = server.start_pod(JOB, "aaaaa")
    server.container(first, "prepare", terminated=ended(0, "Completed"))
    server.container(first, "train", running=STARTED)
    server.log(first, "train", stamp(1, "epoch 1/2"))
    follower.until("train | epoch 1/2")
    server.container(first, "train", "Failed", terminated=ended(143))
    server.pod_status(
        first,
        conditions=[
            {
                "type": "DisruptionTarget",
                "status": "True",
                "reason": "PreemptionByScheduler",
                "message": "default-scheduler: preempting",
            }
        ],
    )
    follower.until("displaced, to be started again: PreemptionByScheduler")
    second = server.start_pod(JOB, "bbbbb")
    server.log(second, "prepare", stamp(3, "sdml: prepared audio"))
    succeed(server, second)
    follower.end()
    assert follower.result == RESULT
    assert f"pod {first}: train was stopped" in follower.lines
    assert follower.log() == [
        "train | epoch 1/2",
        "prepare | sdml: prepared audio",
        "train | epoch 1/2",
        "train | epoch 2/2",
    ]


def test_an_evicted_pod_says_why(server: KubernetesServer, follower: Follower) -> None:
    pod = server.start_pod(JOB)
    server.pod_status(
        pod, phase="Failed", reason="Evicted", message="The node was low on resource: memory."
    )
    follower.until(f"pod {pod}: Evicted: The node was low on resource: memory.")
    server.finish(JOB, "Failed", "BackoffLimitExceeded", "")
    follower.end()
    assert follower.error is not None
    assert follower.error.exit_code == 1


def test_a_cut_log_goes_on_without_a_gap_or_a_repeat(
    server: KubernetesServer, follower: Follower
) -> None:
    """Also within one second, which is all that the API can resume at."""
    pod = server.start_pod(JOB)
    server.container(pod, "prepare", terminated=ended(0, "Completed"))
    server.container(pod, "train", running=STARTED)
    server.log(pod, "train", stamp(7, "one", "1"), stamp(8, "two", "1"), stamp(8, "two", "2"))
    follower.until("train | two")
    for number in range(4):
        server.drop_logs()
        server.log(pod, "train", stamp(8, f"{number}", f"3{number}"))
        follower.until(f"train | {number}")
    server.drop_logs()
    server.log(pod, "train", stamp(9, "last"))
    server.container(pod, "train", "Succeeded", terminated=ended(0, "Completed", RESULT))
    server.finish(JOB, "Complete")
    follower.end()
    assert follower.log() == [
        f"train | {text}" for text in ("one", "two", "two", "0", "1", "2", "3", "last")
    ]


def test_a_log_that_is_gone_holds_nothing_up(server: KubernetesServer, follower: Follower) -> None:
    server.refusals["get", "pods/log"] = (404, "the container's log is gone")
    succeed(server, server.start_pod(JOB))
    follower.end()
    assert follower.result == RESULT
    assert any("no log of train" in line for line in follower.lines)


def test_a_log_of_a_lost_node_holds_nothing_up(
    server: KubernetesServer, follower: Follower
) -> None:
    server.refusals["get", "pods/log"] = (500, "dial tcp 10.0.0.7:10250: no route to host")
    pod = server.start_pod(JOB)
    server.container(pod, "train", running=STARTED)
    server.finish(JOB, "Failed", "DeadlineExceeded", "")
    follower.end()
    assert isinstance(follower.error, JobFailedError)
    assert any("no route to host" in line for line in follower.lines)


def test_warnings_about_the_job_are_told(server: KubernetesServer, follower: Follower) -> None:
    why = "Error creating: pods is forbidden: exceeded quota: compute"
    server.event("Job", JOB, "FailedCreate", why)
    follower.until(f"job {JOB}: FailedCreate: {why}")
    pod = server.start_pod(JOB)
    server.event("Pod", pod, "FailedMount", 'configmap "x" not found')
    follower.until(f'pod {pod}: FailedMount: configmap "x" not found')
    succeed(server, pod)
    follower.end()
    assert follower.result == RESULT


def test_without_the_right_to_see_events_the_rest_is_told(
    server: KubernetesServer, follower: Follower
) -> None:
    server.refusals["list", "events"] = (403, "events is forbidden")
    succeed(server, server.start_pod(JOB))
    follower.end()
    assert follower.result == RESULT


def test_a_suspended_job_waits(server: KubernetesServer, follower: Follower) -> None:
    job = server.get("jobs", JOB)
    job["spec"]["suspend"] = True
    server.put("jobs", job)
    follower.until("suspended: waits to be admitted")
    job["spec"]["suspend"] = False
    server.put("jobs", job)
    succeed(server, server.start_pod(JOB))
    follower.end()
    assert follower.result == RESULT


def test_a_cluster_that_comes_back_is_followed_again(
    server: KubernetesServer, follower: Follower
) -> None:
    server.refusals["list", "pods"] = (503, "the server is restarting")
    follower.until("trying again: ")
    del server.refusals["list", "pods"]
    succeed(server, server.start_pod(JOB))
    follower.end()
    assert follower.result == RESULT


def test_a_cluster_that_stays_away_is_told(
    cluster: Cluster, server: KubernetesServer, job: str
) -> None:
    server.close()
    with pytest.raises(UnavailableError, match="no Kubernetes cluster answers there"):
        Watcher(cluster, JOB, "sdml", print, pause=0.01, patience=0.0).run()


def test_a_job_that_is_removed_is_told(server: KubernetesServer, follower: Follower) -> None:
    server.wait_for("watch", "pods")
    server.delete("jobs", JOB)
    follower.end()
    assert isinstance(follower.error, JobFailedError)
    assert "was removed from namespace sdml" in str(follower.error)


@pytest.mark.parametrize(
    ("resource", "status", "words"),
    [
        ("jobs", 404, "get jobs sdml-train-audio-1 in namespace sdml: there is none"),
        ("jobs", 403, "you may not get jobs"),
        ("pods", 403, "you may not list pods in namespace sdml"),
        ("pods", 401, "does not know you"),
    ],
)
def test_a_refusal_is_told(
    cluster: Cluster, server: KubernetesServer, job: str, resource: str, status: int, words: str
) -> None:
    server.refusals["get" if resource == "jobs" else "list", resource] = (status, "no")
    with pytest.raises(ClusterRefusalError, match=words) as refused:
        Watcher(cluster, JOB, "sdml", print, pause=0.1).run()
    assert refused.value.exit_code == 2


def test_asks_for_no_more_than_the_submitters_role_allows(
    server: KubernetesServer, follower: Follower
) -> None:
    succeed(server, server.start_pod(JOB))
    follower.end()
    allowed = {
        *((verb, "jobs") for verb in ("create", "get", "list", "watch", "delete")),
        *((verb, "configmaps") for verb in ("create", "get", "patch", "delete")),
        *((verb, "pods") for verb in ("get", "list", "watch")),
        ("get", "pods/log"),
        *((verb, "events") for verb in ("get", "list", "watch")),
    }
    assert {one[:2] for one in server.asked} <= allowed


def test_a_pod_that_cannot_be_described_further() -> None:
    from pipelines.job.pod_state import containers, describe, result

    bare = {"metadata": {"name": "p"}}
    assert describe(bare) == []
    assert containers(bare) == []
    assert result(bare) is None
