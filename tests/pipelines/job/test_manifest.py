"""What is rendered: valid in every version of Kubernetes, and with the properties we promise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipelines.job.manifest import manifests, to_yaml
from pipelines.job.pod_experiment import read_for_pod
from tests.pipelines.job.conftest import AUDIO, write

VERSIONS = [f"1.{minor}" for minor in range(30, 37)]
GPU = {"accelerator": "nvidia.com/gpu", "count": 1}
EVERYTHING = {
    "accelerator": "nvidia.com/gpu",
    "count": 4,
    "cpu": 2,
    "cpu_limit": "4500m",
    "memory": "8Gi",
    "memory_limit": "16Gi",
    "node_selector": {"gpu": "h100"},
    "tolerations": [
        {"key": "nvidia.com/gpu", "effect": "NoSchedule"},
        {"key": "team", "operator": "Equal", "value": "ml"},
        {"effect": "NoExecute", "seconds": 60},
    ],
    "shared_memory": "2Gi",
    "scratch": {"claim": "data"},
    "timeout_seconds": 3600,
    "retries": 2,
    "priority_class": "low",
    "queue": "team-queue",
}


def render(folder: Path, resources: dict[str, Any], **cluster: Any) -> tuple[Any, Any]:
    file = write(
        folder, modalities={"audio": {**AUDIO, "resources": resources}}, cluster=cluster or {}
    )
    config_map, job = manifests(read_for_pod(file, "audio"), name="a-job", namespace="sdml")
    return config_map, job


def main(job: Any) -> Any:
    [container] = job["spec"]["template"]["spec"]["containers"]
    return container


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("resources", [{}, GPU, EVERYTHING], ids=["cpu", "gpu", "everything"])
def test_every_version_takes_it(tmp_path: Path, version: str, resources: dict[str, Any]) -> None:
    for one in render(tmp_path, resources, image_pull_secrets=["registry"]):
        assert kubernetes_validate.validate(one, version, strict=True) == version


@pytest.mark.parametrize("resources", [{}, GPU, EVERYTHING], ids=["cpu", "gpu", "everything"])
def test_pods_are_restricted_and_bounded(tmp_path: Path, resources: dict[str, Any]) -> None:
    spec = render(tmp_path, resources)[1]["spec"]["template"]["spec"]
    assert spec["restartPolicy"] == "Never"
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in spec["initContainers"] + spec["containers"]:
        own = container["securityContext"]
        assert own["allowPrivilegeEscalation"] is False
        assert own["readOnlyRootFilesystem"] is True
        assert own["capabilities"] == {"drop": ["ALL"]}
        for amounts in (container["resources"]["requests"], container["resources"]["limits"]):
            assert {"cpu", "memory"} <= amounts.keys()
        assert {m["name"] for m in container["volumeMounts"]} == {
            v["name"] for v in spec["volumes"]
        }


def test_resources_become_what_they_mean(tmp_path: Path) -> None:
    job = render(tmp_path, EVERYTHING, image_pull_secrets=["registry"])[1]
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "team-queue"
    assert "suspend" not in job["spec"]  # Kueue's webhook sets it
    assert job["spec"]["activeDeadlineSeconds"] == 3600
    assert job["spec"]["backoffLimit"] == 2
    spec = job["spec"]["template"]["spec"]
    assert spec["priorityClassName"] == "low"
    assert spec["nodeSelector"] == {"gpu": "h100"}
    assert spec["tolerations"] == [
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "team", "operator": "Equal", "value": "ml"},
        {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60},
    ]
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    assert volumes["scratch"]["persistentVolumeClaim"] == {"claimName": "data"}
    assert volumes["shared-memory"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "2Gi"}
    assert volumes["experiment"]["configMap"] == {"name": "a-job"}
    assert main(job)["resources"] == {
        "requests": {"cpu": "2", "memory": "8Gi"},
        "limits": {"cpu": "4500m", "memory": "16Gi", "nvidia.com/gpu": "4"},
    }
    [prepare] = spec["initContainers"]
    assert "nvidia.com/gpu" not in prepare["resources"]["limits"]


def test_nothing_is_said_that_was_not_asked(tmp_path: Path) -> None:
    job = render(tmp_path, {})[1]
    spec = job["spec"]["template"]["spec"]
    absent = {"priorityClassName", "nodeSelector", "tolerations", "imagePullSecrets"}
    assert not absent & spec.keys()
    assert "kueue.x-k8s.io/queue-name" not in job["metadata"]["labels"]


@pytest.mark.parametrize(
    ("resources", "image"),
    [({}, "c:1"), (GPU, "g:1"), ({**GPU, "image": "own:1"}, "own:1"), ({"image": "o:2"}, "o:2")],
)
def test_the_image_follows_the_accelerator(
    tmp_path: Path, resources: dict[str, Any], image: str
) -> None:
    spec = render(tmp_path, resources, image="c:1", gpu_image="g:1")[1]["spec"]["template"]["spec"]
    assert {c["image"] for c in spec["initContainers"] + spec["containers"]} == {image}


@pytest.mark.parametrize(("count", "more"), [(1, []), (2, ["--processes", "2"])])
def test_several_accelerators_are_driven_by_several_processes(
    tmp_path: Path, count: int, more: list[str]
) -> None:
    container = main(render(tmp_path, {"accelerator": "amd.com/gpu", "count": count})[1])
    assert container["command"] + container["args"] == [
        "sdml",
        "train",
        "/etc/sdml/experiment.yaml",
        "--modality",
        "$(SDML_MODALITY)",
        "--result",
        "/dev/termination-log",
        *more,
    ]


def test_names_in_the_cluster_section_are_used(tmp_path: Path) -> None:
    names = {
        "service_account": "someone",
        "config_map": "endpoints",
        "store_secret": "s3",
        "tracking_secret": "mlflow",
        "image_pull_policy": "Always",
    }
    job = render(tmp_path, {}, **names)[1]
    assert job["spec"]["template"]["spec"]["serviceAccountName"] == "someone"
    assert main(job)["imagePullPolicy"] == "Always"
    assert main(job)["envFrom"] == [
        {"configMapRef": {"name": "endpoints"}},
        {"secretRef": {"name": "s3"}},
        {"secretRef": {"name": "mlflow", "optional": True}},
    ]


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30))
def test_yaml_holds_the_same_objects(tmp_path_factory: pytest.TempPathFactory, note: str) -> None:
    """Whatever the experiment file's comments say."""
    file = write(tmp_path_factory.mktemp("render"))
    file.write_text(f"# {note}\n{file.read_text()}", encoding="utf-8", newline="")
    objects = manifests(read_for_pod(file, "audio"), name="a-job", namespace="sdml")
    assert list(yaml.safe_load_all(to_yaml(objects))) == objects
    assert "&id" not in to_yaml(objects)
