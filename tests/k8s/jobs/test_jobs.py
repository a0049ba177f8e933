"""The kustomizations of Jobs, as kubectl builds them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from k8s.check.kustomizations import objects, render
from pipelines.job.manifest import manifests
from pipelines.job.pod_experiment import read_for_pod
from sdml.experiment import parse_experiment
from tests.k8s.jobs.conftest import ROOT, Build

JOBS = ROOT / "k8s" / "jobs"
ONE_NODE = "train-modality-distributed/one-node"
MANY_NODES = "train-modality-distributed/many-nodes"
VERSIONS = [f"1.{minor}" for minor in range(30, 37)]
POD_LABELS = {
    "app.kubernetes.io/name": "sdml",
    "app.kubernetes.io/part-of": "sdml",
    "app.kubernetes.io/component": "train",
    "sdml.dev/collection": "digits",
}


def templates(built: dict[str, Any]) -> list[Any]:
    """Every pod template of a kustomization."""
    if "Job" in built:
        return [built["Job"]["spec"]["template"]]
    jobs = built["TrainingRuntime"]["spec"]["template"]["spec"]["replicatedJobs"]
    return [job["template"]["spec"]["template"] for job in jobs]


def containers(template: Any) -> list[Any]:
    spec = template["spec"]
    return [*spec.get("initContainers", ()), *spec["containers"]]


def without_name(value: Any, name: str) -> Any:
    return json.loads(json.dumps(value).replace(name, "NAME"))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["train-modality", "example", ONE_NODE])
def test_every_version_takes_it(built: Build, name: str, version: str) -> None:
    for one in built(name).values():
        assert kubernetes_validate.validate(one, version, strict=True) == version


@pytest.mark.parametrize("name", ["train-modality", "example", ONE_NODE, MANY_NODES])
def test_pods_are_restricted_bounded_and_in_the_namespace(built: Build, name: str) -> None:
    for one in built(name).values():
        assert one["metadata"]["namespace"] == "sdml"
    for template in templates(built(name)):
        assert POD_LABELS.items() <= template["metadata"]["labels"].items()
        spec = template["spec"]
        assert spec["restartPolicy"] == "Never"
        assert spec["serviceAccountName"] == "sdml-job"
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] == 10001
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
        for volume in spec["volumes"]:
            assert {"configMap", "emptyDir"} & volume.keys()
        for container in containers(template):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
            }
            resources = container["resources"]
            assert {"cpu", "memory"} <= resources["requests"].keys()
            assert {"cpu", "memory"} <= resources["limits"].keys()
            assert container["image"] in ("sdml:0.1.0-cpu", "sdml:0.1.0-gpu")
            mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
            assert {"/etc/sdml", "/scratch", "/tmp", "/dev/shm"} == mounts.keys()
            assert set(mounts.values()) <= {volume["name"] for volume in spec["volumes"]}


def test_kubectl_and_our_command_make_the_same_job(built: Build) -> None:
    """But for the name, which is the run's in one and the experiment's in the other."""
    kustomized = built("train-modality")
    source = read_for_pod(JOBS / "train-modality" / "experiment.yaml", "audio")
    config_map, job = manifests(source, name="mine", namespace="sdml")
    name = kustomized["Job"]["metadata"]["name"]
    assert without_name(kustomized["Job"], name) == without_name(job, "mine")
    assert kustomized["ConfigMap"]["data"] == config_map["data"]
    assert kustomized["ConfigMap"]["immutable"] is config_map["immutable"] is True


def test_both_use_several_gpus_in_the_same_way(built: Build, tmp_path: Path) -> None:
    settings = yaml.safe_load((JOBS / "train-modality" / "experiment.yaml").read_text())
    settings["cluster"]["resources"] |= {
        "accelerator": "nvidia.com/gpu",
        "count": 2,
        "cpu": "4",
        "cpu_limit": "8",
        "memory": "16Gi",
        "memory_limit": "16Gi",
        "shared_memory": "2Gi",
    }
    file = tmp_path / "experiment.yaml"
    file.write_text(yaml.safe_dump(settings))
    ours = manifests(read_for_pod(file, "audio"), name="mine", namespace="sdml")[1]
    theirs = built(ONE_NODE)["Job"]
    spec = theirs["spec"]["template"]["spec"]
    assert spec["containers"] == ours["spec"]["template"]["spec"]["containers"]
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    rendered = {v["name"]: v for v in ours["spec"]["template"]["spec"]["volumes"]}
    assert volumes["shared-memory"] == rendered["shared-memory"]


@pytest.mark.parametrize("name", ["train-modality", "example", ONE_NODE])
def test_a_job_is_retried_but_not_a_mistake(built: Build, name: str) -> None:
    spec = built(name)["Job"]["spec"]
    assert spec["backoffLimit"] == 4
    assert spec["activeDeadlineSeconds"] == 86400
    assert spec["ttlSecondsAfterFinished"] == 604800
    assert spec["podFailurePolicy"]["rules"] == [
        {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [2]}},
        {"action": "Ignore", "onExitCodes": {"operator": "In", "values": [143]}},
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
    ]
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] == 120


def test_the_example_does_its_steps_in_order(built: Build) -> None:
    [template] = templates(built("example"))
    file = "/etc/sdml/experiment.yaml"
    assert [container["command"] + container["args"] for container in containers(template)] == [
        ["sdml", "prepare", file],
        ["sdml", "train", file, "--modality", "image"],
        ["sdml", "train", file, "--modality", "text"],
        ["sdml", "evaluate", file],
    ]
    assert [c["name"] for c in template["spec"]["containers"]] == ["evaluate"]


def test_another_experiment_is_another_job_and_the_same_is_the_same(copy: Path) -> None:
    """Kubernetes refuses a changed Job of the same name, and the hash makes it another name."""
    folder = copy / "jobs" / "train-modality"

    def names() -> set[str]:
        built = objects(render(folder))
        job = next(one for one in built if one["kind"] == "Job")
        volumes = job["spec"]["template"]["spec"]["volumes"]
        used = next(volume for volume in volumes if volume["name"] == "experiment")
        return {one["metadata"]["name"] for one in built} | {used["configMap"]["name"]}

    [first] = names()
    assert names() == {first}
    file = folder / "experiment.yaml"
    file.write_text(file.read_text().replace("epochs: 40", "epochs: 41"))
    [second] = names()
    assert first != second
    assert first.startswith("sdml-train-audio-")
    assert len(first) <= 63 - len("-prepare-0-0-abcde")


def test_a_copy_trains_another_modality(copy: Path) -> None:
    """The places that are marked 'yours', and no others."""
    folder = copy / "jobs" / "train-modality"
    file = folder / "kustomization.yaml"
    text = file.read_text()
    assert text.count("# yours") == 4
    file.write_text(
        text.replace("-audio ", "-sketch ")
        .replace("collection: digits", "collection: news")
        .replace("modality: audio", "modality: sketch")
    )
    job = next(one for one in objects(render(folder)) if one["kind"] == "Job")
    assert job["metadata"]["name"].startswith("sdml-train-sketch-")
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert (labels["sdml.dev/collection"], labels["sdml.dev/modality"]) == ("news", "sketch")
    assert "audio" not in json.dumps(job)
    for container in containers(job["spec"]["template"]):
        [variable] = container["env"]
        assert variable["name"] == "SDML_MODALITY"
        path = variable["valueFrom"]["fieldRef"]["fieldPath"]
        assert path == "metadata.labels['sdml.dev/modality']"
        assert "$(SDML_MODALITY)" in container["args"]


def test_an_overlay_changes_registry_gpu_and_queue(copy: Path) -> None:
    overlay = copy / "jobs" / "mine"
    overlay.mkdir()
    (overlay / "kustomization.yaml").write_text(
        yaml.safe_dump(
            {
                "apiVersion": "kustomize.config.k8s.io/v1beta1",
                "kind": "Kustomization",
                "resources": ["../train-modality"],
                "components": ["../../components/gpu", "../../components/kueue-queue"],
                "nameSuffix": "-again",
                "images": [{"name": "sdml", "newName": "registry.example/sdml"}],
            }
        )
    )
    job = next(one for one in objects(render(overlay)) if one["kind"] == "Job")
    assert job["metadata"]["name"].startswith("sdml-train-audio-again-")
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "sdml"
    prepare, train = containers(job["spec"]["template"])
    assert prepare["image"] == train["image"] == "registry.example/sdml:0.1.0-gpu"
    assert train["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert kubernetes_validate.validate(job, "1.36", strict=True)


def test_many_nodes_is_one_name_and_two_pods(built: Build) -> None:
    found = built(MANY_NODES)
    name = found["ConfigMap"]["metadata"]["name"]
    assert {one["metadata"]["name"] for one in found.values()} == {name}
    assert found["TrainJob"]["spec"]["runtimeRef"]["name"] == name
    assert list(found)[-1] == "TrainJob"  # which its runtime must precede
    prepare, node = found["TrainingRuntime"]["spec"]["template"]["spec"]["replicatedJobs"]
    assert node["dependsOn"] == [{"name": "prepare", "status": "Complete"}]
    assert node["template"]["metadata"]["labels"] == {
        "trainer.kubeflow.org/trainjob-ancestor-step": "trainer"
    }
    template = node["template"]["spec"]["template"]
    [container] = template["spec"]["containers"]
    assert container["name"] == "node"  # the name that Trainer looks for
    assert container["command"] == ["torchrun"]
    assert container["args"][:3] == ["-m", "sdml", "train"]
    gpus = container["resources"]["limits"]["nvidia.com/gpu"]
    assert int(gpus) == found["TrainJob"]["spec"]["trainer"]["numProcPerNode"]
    for volume in template["spec"]["volumes"]:
        if "configMap" in volume:
            assert volume["configMap"]["name"] == name
    assert prepare["template"]["spec"]["template"]["metadata"] == template["metadata"]


@pytest.mark.parametrize("version", VERSIONS)
def test_jobs_of_many_nodes_are_jobs_that_kubernetes_takes(built: Build, version: str) -> None:
    """Kubeflow's kinds have no schema here, but what they make has one."""
    runtime = built(MANY_NODES)["TrainingRuntime"]["spec"]["template"]["spec"]
    for replicated in runtime["replicatedJobs"]:
        job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a"}}
        job["spec"] = replicated["template"]["spec"]
        assert kubernetes_validate.validate(job, version, strict=True) == version


def test_many_nodes_have_the_pod_of_one(built: Build) -> None:
    [single] = templates(built("train-modality"))
    for template in templates(built(MANY_NODES)):
        for key in single["spec"].keys() - {"containers", "initContainers", "volumes"}:
            assert template["spec"][key] == single["spec"][key], key
        [container] = template["spec"]["containers"]
        for key in ("env", "envFrom", "securityContext", "volumeMounts"):
            assert container[key] == single["spec"]["containers"][0][key], key


@pytest.mark.parametrize(
    ("folder", "example", "modalities"),
    [("train-modality", "audio", ["audio"]), ("example", "experiment", ["image", "text"])],
)
def test_the_experiments_are_those_of_the_digits_example(
    folder: str, example: str, modalities: list[str]
) -> None:
    """But for where things lie in the image."""
    file = JOBS / folder / "experiment.yaml"
    inside = "/opt/sdml/app/examples/digits/"
    text = file.read_text().replace(inside, "")
    original = ROOT / "examples" / "digits" / f"{example}.yaml"
    variables = {"SDML_STORE": "s3://b/p", "MLFLOW_TRACKING_URI": "http://m"}
    ours = parse_experiment(text, environment=variables)
    theirs = parse_experiment(original.read_text(), environment=variables)
    assert ours.modalities == theirs.modalities
    assert (ours.training, ours.subspace) == (theirs.training, theirs.subspace)
    for modality in modalities:
        [note] = read_for_pod(file, modality).notes
        assert inside in note


def test_the_file_for_many_nodes_is_the_same() -> None:
    [first, second] = [
        (JOBS / name / "experiment.yaml").read_text() for name in ("train-modality", MANY_NODES)
    ]
    assert first == second
