"""Each modality's pods get what it asks for, read from the compiled file as a back end would."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from pipelines.compilation import compile_pipeline
from pipelines.lanes import cluster_plan, local_plan
from sdml.experiment import Experiment, parse_experiment

FILE = """
collection: zoo
store: s3://bucket/zoo
tracking: http://mlflow:5000
cluster:
  image: registry.example/sdml:1-cpu
  gpu_image: registry.example/sdml:1-gpu
  image_pull_secrets: [registry]
  store_secret: my-store
  resources: {queue: research, cpu: 3, memory: 6Gi}
modalities:
  video:
    source: s3://bucket/v.npz
    resources:
      accelerator: nvidia.com/gpu
      count: 2
      cpu: 8
      cpu_limit: 16
      memory: 64Gi
      node_selector: {gpu: a100}
      tolerations: [{key: nvidia.com/gpu, effect: NoSchedule}]
      shared_memory: 16Gi
      scratch: {claim: fast}
      timeout_seconds: 7200
      retries: 5
      backoff_seconds: 10
      priority_class: high
  text: {source: s3://bucket/t.npz}
  audio:
    source: s3://bucket/a.npz
    resources: {accelerator: amd.com/gpu, count: 1, retries: 0, image: my/own:2}
  tags: {source: s3://bucket/g.npz}
"""
LANES = {"exec-train": "trainings", "exec-train-2": "trainings_2", "exec-train-3": "trainings_3"}


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    return parse_experiment(FILE, environment={})


@pytest.fixture(scope="module")
def documents(experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Pipeline and platform of the compiled train pipeline."""
    output = tmp_path_factory.mktemp("lanes") / "train.yaml"
    compile_pipeline("train", experiment, modalities=None, output=output)
    return list(yaml.safe_load_all(output.read_text()))


def container(documents: Any, executor: str) -> Any:
    return documents[0]["deploymentSpec"]["executors"][executor]["container"]


def platform(documents: Any, executor: str) -> Any:
    executors = documents[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    return executors[executor]


def test_modalities_that_ask_for_the_same_share_a_lane(experiment: Experiment) -> None:
    names = ("video", "text", "audio", "tags")
    plan = cluster_plan(experiment, names, cache=True)
    assert [lane.modalities for lane in plan.lanes] == [("video",), ("text", "tags"), ("audio",)]
    assert plan.loops == ["trainings", "trainings_2", "trainings_3"]
    assert [lane.modalities for lane in local_plan(names).lanes] == [names]


def test_every_lane_is_a_parameter_with_its_own_trainings(documents: Any) -> None:
    parameters = documents[0]["root"]["inputDefinitions"]["parameters"]
    assert {name: parameters[name]["defaultValue"] for name in LANES.values()} == {
        "trainings": [{"modality": "video", "weight": 0.5}],
        "trainings_2": [{"modality": m, "weight": 0.5} for m in ("text", "tags")],
        "trainings_3": [{"modality": "audio", "weight": 0.5}],
    }
    assert parameters["image"]["defaultValue"] == "registry.example/sdml:1-cpu"
    assert parameters["gpu_image"]["defaultValue"] == "registry.example/sdml:1-gpu"


def test_each_lane_asks_for_its_own_accelerator_and_memory(documents: Any) -> None:
    video, text, audio = (container(documents, name)["resources"] for name in LANES)
    assert (video["accelerator"]["resourceType"], video["accelerator"]["resourceCount"]) == (
        "nvidia.com/gpu",
        "2",
    )
    assert (audio["accelerator"]["resourceType"], audio["accelerator"]["resourceCount"]) == (
        "amd.com/gpu",
        "1",
    )
    assert "accelerator" not in text
    keys = (
        "resourceCpuRequest",
        "resourceCpuLimit",
        "resourceMemoryRequest",
        "resourceMemoryLimit",
    )
    assert [video[key] for key in keys] == ["8", "16", "64Gi", "64Gi"]
    assert [text[key] for key in keys] == ["3", "3", "6Gi", "6Gi"]


def test_each_lane_has_its_own_image(documents: Any) -> None:
    images = [container(documents, name)["image"] for name in LANES]
    assert images == [
        "{{$.inputs.parameters['pipelinechannel--gpu_image']}}",
        "{{$.inputs.parameters['pipelinechannel--image']}}",
        "my/own:2",
    ]


def test_each_lane_has_its_own_place_volumes_and_patience(documents: Any) -> None:
    video, text, audio = (platform(documents, name) for name in LANES)
    assert video["nodeSelector"]["labels"] == {"gpu": "a100"}
    assert video["tolerations"] == [
        {"effect": "NoSchedule", "key": "nvidia.com/gpu", "operator": "Exists"}
    ]
    assert video["activeDeadlineSeconds"] == "7200"
    assert text["activeDeadlineSeconds"] == "86400"
    [memory] = video["emptyDirMounts"]
    assert memory == {
        "medium": "Memory",
        "mountPath": "/dev/shm",
        "sizeLimit": "16Gi",
        "volumeName": "shm",
    }
    [claim] = video["pvcMount"]
    assert (claim["mountPath"], claim["pvcNameParameter"]["runtimeValue"]["constant"]) == (
        "/scratch",
        "fast",
    )
    assert {mount["volumeName"] for mount in text["emptyDirMounts"]} == {"shm", "scratch"}
    for name in ("nodeSelector", "tolerations", "pvcMount"):
        assert name not in text
        assert name not in audio
    labels = video["podMetadata"]["labels"]
    assert labels["kueue.x-k8s.io/queue-name"] == "research"
    assert labels["kueue.x-k8s.io/priority-class"] == "high"
    assert text["podMetadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "research"


def test_retries_wait_longer_each_time(documents: Any) -> None:
    tasks = {
        task["componentRef"]["name"]: task
        for component in documents[0]["components"].values()
        for task in component.get("dag", {}).get("tasks", {}).values()
    }
    assert tasks["comp-train"]["retryPolicy"] == {
        "backoffDuration": "10s",
        "backoffFactor": 2.0,
        "backoffMaxDuration": "3600s",
        "maxRetryCount": 5,
    }
    assert "retryPolicy" not in tasks["comp-train-3"]


def test_every_pod_knows_endpoints_credentials_and_its_run_by_name_only(documents: Any) -> None:
    executors = documents[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert set(executors) == set(documents[0]["deploymentSpec"]["executors"])
    for name, executor in executors.items():
        [endpoints] = executor["configMapAsEnv"]
        assert endpoints["configMapName"] == "sdml-endpoints"
        secrets = {s["secretName"]: s.get("optional", False) for s in executor["secretAsEnv"]}
        assert secrets == {"my-store": False, "sdml-tracking-credentials": True}
        assert [s["secretName"] for s in executor["imagePullSecret"]] == ["registry"]
        assert executor["imagePullPolicy"] == "IfNotPresent"
        assert executor["fieldPathAsEnv"] == [
            {"fieldPath": "metadata.labels['pipeline/runid']", "name": "SDML_PIPELINE_RUN"}
        ]
        assert executor["securityContext"]["runAsNonRoot"] is True
        assert executor["securityContext"]["runAsUser"] == "10001"
        labels = executor["podMetadata"]["labels"]
        assert labels["app.kubernetes.io/name"] == "sdml"
        assert name.startswith(f"exec-{labels['app.kubernetes.io/component']}")


def test_the_lanes_are_gathered_one_after_the_other(documents: Any) -> None:
    run = documents[0]["components"]["comp-exit-handler-1"]["dag"]["tasks"]
    gathers = {name: task for name, task in run.items() if name.startswith("gather")}
    assert len(gathers) == 3
    before = {
        name: task["inputs"]["artifacts"].get("before", {}).get("taskOutputArtifact", {})
        for name, task in gathers.items()
    }
    assert [before[name].get("producerTask") for name in sorted(gathers)] == [
        None,
        "gather",
        "gather-2",
    ]
    source = run["evaluate"]["inputs"]["artifacts"]["gathered"]["taskOutputArtifact"]
    assert source["producerTask"] == "gather-3"
