"""A modality with shards: a loop over them and a join take the place of the preparation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.catalogue import arguments_for, plan_for
from pipelines.compilation import compile_pipeline
from sdml.experiment import read_experiment
from sdml.steps.context import Context
from sdml.steps.prepare import prepare
from tests.pipelines.world import FinishedRun, write_experiment

MODALITIES: dict[str, Any] = {
    "image": {"source": "image.npz", "transform": "standardize", "shards": 3},
    "text": {"source": "text.npz"},
}
CLUSTER = {"image": "registry.example/sdml:1-cpu", "resources": {"memory": "6Gi"}}


def test_compiled(tmp_path: Path) -> None:
    file = write_experiment(tmp_path, modalities=MODALITIES, cluster=CLUSTER)
    experiment = read_experiment(file)
    output = tmp_path / "train.yaml"
    compile_pipeline("train", experiment, modalities=None, output=output)
    pipeline, platform = yaml.safe_load_all(output.read_text())
    tasks = pipeline["components"]["comp-exit-handler-1"]["dag"]["tasks"]
    assert "prepare" not in tasks
    [loop] = [name for name, task in tasks.items() if task["taskInfo"]["name"] == "shards"]
    assert set(tasks["join"]["dependentTasks"]) == {"begin", loop}
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    labels = {
        name: executors[name]["podMetadata"]["labels"]["app.kubernetes.io/component"]
        for name in ("exec-prepare-shard", "exec-join")
    }
    assert labels == {"exec-prepare-shard": "shard", "exec-join": "join"}
    containers = pipeline["deploymentSpec"]["executors"]
    for name in labels:
        assert containers[name]["container"]["resources"]["resourceMemoryLimit"] == "6Gi"


def test_the_shards_are_a_parameter(tmp_path: Path) -> None:
    experiment = read_experiment(write_experiment(tmp_path, modalities=MODALITIES))
    plan = plan_for("train", experiment, modalities=None, cache=True)
    given = arguments_for("train", experiment, modalities=None, plan=plan)
    assert given["shards"] == [
        {"modality": "image", "shard": shard, "shards": 3} for shard in (1, 2, 3)
    ]
    assert not plan_for("new-modality", experiment, modalities=["text"], cache=True).sharded
    given = arguments_for("new-modality", experiment, modalities=["text"])
    assert "shards" not in given


@pytest.mark.slow
def test_run_for_real_the_bytes_are_those_of_one_task(tmp_path: Path) -> None:
    run = FinishedRun("train", write_experiment(tmp_path, modalities=MODALITIES))
    tasks = [line for line in run.lines if not line.startswith(" ")]
    assert tasks[:6] == ["task begin", *["task prepare-shard"] * 3, "task join", "task train"]
    alone = {"image": {**MODALITIES["image"], "shards": 1}, "text": MODALITIES["text"]}
    file = write_experiment(tmp_path, "alone", modalities=alone, store="alone")
    direct = Context.open(read_experiment(file))
    prepare(direct)
    for modality in MODALITIES:
        [ours], [theirs] = (
            context.catalog.versions("features", modality) for context in (run.context, direct)
        )
        assert ours.manifest.objects == theirs.manifest.objects
        assert len(run.context.catalog.versions("encoder", modality)) == 1
    assert not list(run.context.catalog.store.list("tiny/checkpoints/shards"))
