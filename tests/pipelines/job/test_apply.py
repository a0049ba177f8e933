from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipelines.job.apply import apply
from pipelines.job.cluster import Cluster
from pipelines.job.manifest import manifests
from pipelines.job.pod_experiment import read_for_pod
from pipelines.job.refusal import ClusterError, ClusterRefusalError, UnavailableError
from sdml.errors import SDMLError
from tests.servers.kubernetes import KubernetesServer


@pytest.fixture
def objects(experiment_file: Path) -> list[dict[str, Any]]:
    return manifests(read_for_pod(experiment_file, "audio"), name="a-job", namespace="sdml")


def test_makes_a_job_that_owns_its_config_map(
    cluster: Cluster, server: KubernetesServer, objects: list[dict[str, Any]]
) -> None:
    assert apply(cluster, objects) is None
    job = server.get("jobs", "a-job")
    config_map = server.get("configmaps", "a-job")
    assert config_map["data"] == objects[0]["data"]
    assert config_map["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "name": "a-job",
            "uid": job["metadata"]["uid"],
        }
    ]


def test_asks_for_no_more_than_the_submitters_role_allows(
    cluster: Cluster, server: KubernetesServer, objects: list[dict[str, Any]]
) -> None:
    apply(cluster, objects)
    assert [one[:2] for one in server.asked] == [
        ("create", "configmaps"),
        ("create", "jobs"),
        ("patch", "configmaps"),
    ]


@pytest.mark.parametrize(
    ("status", "message", "kind", "words"),
    [
        (401, "Unauthorized", ClusterRefusalError, "does not know you: log in again"),
        (
            403,
            'jobs.batch is forbidden: User "eve" cannot create resource "jobs"',
            ClusterRefusalError,
            "you may not create jobs in namespace sdml.*eve.*sdml-submitter",
        ),
        (
            403,
            "jobs.batch is forbidden: exceeded quota: compute, requested: count/jobs.batch=1",
            ClusterError,
            "namespace sdml must have room.*count/jobs.batch.*larger quota",
        ),
        (409, "exists", ClusterRefusalError, "there is one already: choose another --name"),
        (
            422,
            'Job.batch "a-job" is invalid: spec.backoffLimit: Invalid value: -1',
            ClusterRefusalError,
            "spec.backoffLimit: Invalid value: -1: correct the experiment file",
        ),
    ],
)
def test_a_refused_job_leaves_no_config_map(
    cluster: Cluster,
    server: KubernetesServer,
    objects: list[dict[str, Any]],
    status: int,
    message: str,
    kind: type[SDMLError],
    words: str,
) -> None:
    server.refusals["create", "jobs"] = (status, message)
    with pytest.raises(kind, match=words) as refused:
        apply(cluster, objects)
    assert refused.value.exit_code == (2 if kind is ClusterRefusalError else 1)
    assert server.names("configmaps") == []


def test_a_name_that_is_taken_changes_nothing(
    cluster: Cluster, server: KubernetesServer, objects: list[dict[str, Any]]
) -> None:
    apply(cluster, objects)
    before = server.get("configmaps", "a-job"), server.get("jobs", "a-job")
    with pytest.raises(ClusterRefusalError, match="there is one already"):
        apply(cluster, objects)
    assert (server.get("configmaps", "a-job"), server.get("jobs", "a-job")) == before


def test_an_unknown_namespace_is_told(
    cluster: Cluster, server: KubernetesServer, objects: list[dict[str, Any]]
) -> None:
    for one in objects:
        one["metadata"]["namespace"] = "elsewhere"
    with pytest.raises(ClusterRefusalError, match=r"namespace elsewhere does not exist.*--names"):
        apply(cluster, objects)


def test_an_unknown_field_is_refused_by_the_server(
    cluster: Cluster, server: KubernetesServer, objects: list[dict[str, Any]]
) -> None:
    objects[1]["spec"]["backofLimit"] = 3
    with pytest.raises(ClusterRefusalError, match=r"strict decoding error.*backofLimit"):
        apply(cluster, objects)
    assert server.names("jobs") == server.names("configmaps") == []


def test_a_job_that_may_have_been_made_keeps_its_config_map(
    cluster: Cluster, server: KubernetesServer, objects: list[dict[str, Any]]
) -> None:
    server.refusals["create", "jobs"] = (504, "timed out")
    with pytest.raises(UnavailableError, match=r"could not create jobs.*504 timed out.*later"):
        apply(cluster, objects)
    assert server.names("configmaps") == ["a-job"]


def test_a_job_without_its_ownership_runs_all_the_same(
    cluster: Cluster, server: KubernetesServer, objects: list[dict[str, Any]]
) -> None:
    server.refusals["patch", "configmaps"] = (403, "configmaps is forbidden")
    note = apply(cluster, objects)
    assert note is not None
    assert note.startswith("the ConfigMap a-job will stay when the Job goes: you may not patch")
    assert server.names("jobs") == ["a-job"]
