"""The train pipeline, run for real; what the tasks have stored is compared with direct calls."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdml.steps.context import Context
from sdml.steps.evaluate import evaluate
from sdml.steps.prepare import prepare
from sdml.steps.train import train
from tests.pipelines.world import FinishedRun

pytestmark = pytest.mark.slow

ORDER = ("begin", "prepare", "train", "train", "gather", "evaluate", "finish")


def test_every_encoder_is_the_one_that_the_step_makes(trained: FinishedRun, tmp_path: Path) -> None:
    settings = {"store": str(tmp_path / "direct"), "tracking": None}
    direct = Context.open(trained.experiment.model_copy(update=settings))
    prepare(direct)
    weights = {}
    for modality, seed in {"image": 1, "text": 2}.items():
        [version] = trained.context.catalog.versions("encoder", modality)
        weights[modality] = trained.weights(version.uri)
        encoder = direct.catalog.get(train(direct, modality).encoder)
        stored = {record.name: record.sha256 for record in encoder.manifest.objects}
        assert weights[modality] == stored["encoder.safetensors"]
        assert version.manifest.settings["lambda"] == 0.25
        assert version.manifest.settings["seed"] == seed
    assert weights["image"] != weights["text"]
    [subspace] = trained.context.catalog.versions("subspace")
    assert [v.manifest.id for v in direct.catalog.versions("subspace")] == [subspace.manifest.id]


def test_evaluates_exactly_these_encoders(trained: FinishedRun) -> None:
    (encoders, figures) = trained.reports()[0]
    catalog = trained.context.catalog
    assert encoders == {m: catalog.latest("encoder", m).uri for m in ("image", "text")}
    again = evaluate(trained.context, encoders=list(encoders.values())).metrics()
    del again["map/mean"]
    assert figures == again


def test_one_parent_with_the_figures_and_a_child_for_each_modality(trained: FinishedRun) -> None:
    parent, children = trained.runs()
    _, figures = trained.reports()[0]
    [subspace] = trained.context.catalog.versions("subspace")
    assert parent.info.run_name == "train"
    assert parent.info.status == "FINISHED"
    assert parent.data.tags["pipeline"] == "train"
    assert parent.data.tags["collection"] == "tiny"
    assert parent.data.tags["report"] == trained.context.catalog.versions("report")[0].uri
    mean = sum(figures.values()) / len(figures)
    expected = {"lambda": 0.25, **figures, "map/mean": mean}
    assert {name: parent.data.metrics[name] for name in expected} == pytest.approx(expected)
    assert [child.info.run_name for child in children] == ["image λ=0.25", "text λ=0.25"]
    for child, seed in zip(children, ("1", "2"), strict=True):
        tags = child.data.tags
        assert child.info.status == "FINISHED"
        assert child.info.run_name == f"{tags['modality']} λ=0.25"
        assert tags["subspace"] == subspace.manifest.id
        assert tags["encoder"] == trained.context.catalog.latest("encoder", tags["modality"]).uri
        assert tags["pipeline_run"] == parent.data.tags["pipeline_run"]
        assert child.data.params["lambda"] == "0.25"
        assert child.data.params["seed"] == seed
        assert child.data.metrics["lambda"] == 0.25


def test_says_each_task_and_what_it_made(trained: FinishedRun) -> None:
    tasks = [line for line in trained.lines if not line.startswith(" ")]
    assert tasks == [f"task {t}" for t in ORDER]
    for modality in ("image", "text"):
        uri = trained.context.catalog.latest("encoder", modality).uri
        assert any(line.startswith("  ") and uri in line for line in trained.lines)
    assert not any("INFO" in line or "kfp" in line.lower() for line in trained.lines)
