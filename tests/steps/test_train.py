from __future__ import annotations

import itertools
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdml.errors import DataError, ExperimentError, Interrupted, NotFoundError, TrainingError
from sdml.steps.context import Context
from sdml.steps.prepare import prepare
from sdml.steps.stopping import stop_on_sigterm
from sdml.steps.train import Trained, train
from sdml.tracking import MemoryRun, MemoryTracker
from sdml.training import EpochRecord
from sdml.training.encoder_file import encoder_from_bytes
from tests.steps import tiny
from tests.steps.conftest import MakeContext

# docs/tracking.md, table "What is logged where"
PER_EPOCH = {
    "loss/train",
    "loss/validation",
    "reconstruction/train",
    "reconstruction/validation",
    "supervised/train",
    "supervised/validation",
    "learning_rate",
    "samples_per_second",
}


def weights(context: Context, trained: Trained) -> bytes:
    return context.catalog.read(context.catalog.get(trained.encoder), "encoder.safetensors")


def runs(context: Context) -> list[MemoryRun]:
    assert isinstance(context.tracker, MemoryTracker)
    return context.tracker.runs


def encoders(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "store").glob("tiny/encoders/*/*"))


def test_alone_or_beside_others_the_encoder_has_the_same_bytes(
    make: MakeContext, tmp_path: Path
) -> None:
    alone = make("image")
    prepare(alone)
    first = weights(alone, train(alone, "image"))

    together = make("audio", "image", "text", store=str(tmp_path / "elsewhere"))
    prepare(together)
    for modality in ("text", "audio"):
        train(together, modality)
    assert weights(together, train(together, "image")) == first
    assert weights(together, train(together, "text")) != first


def test_the_encoder_says_what_it_was_made_from(make: MakeContext) -> None:
    context = make("image", modalities={"image": {"transform": "l2"}})
    prepared = prepare(context)
    trained = train(context, "image")
    manifest = context.catalog.get(trained.encoder).manifest
    assert manifest.made_from == {
        "subspace": context.catalog.get(prepared.subspace).path,
        "features": context.catalog.get(prepared.features["image"]).path,
    }
    assert manifest.modality == "image"
    assert manifest.settings["lambda"] == 0.5
    assert manifest.settings["hidden"] == [16]
    assert manifest.settings["best_epoch"] == trained.best_epoch
    assert "checkpoint_seconds" not in manifest.settings
    names = {record.name for record in manifest.objects}
    assert names == {"encoder.safetensors", "extractor.json", "history.json", "transform.json"}
    assert trained.subspace == prepared.subspace.rpartition("/")[2]
    assert (trained.modality, trained.epochs) == ("image", 3)
    assert trained.seconds > 0
    loaded = encoder_from_bytes(weights(context, trained), "it")
    assert (loaded.subspace, loaded.modality) == (trained.subspace, "image")
    assert (loaded.input_dim, loaded.code_dim) == (8, 16)


def test_the_history_has_every_epoch_and_the_best_is_the_lowest(make: MakeContext) -> None:
    context = make("image", training={"epochs": 6})
    prepare(context)
    trained = train(context, "image")
    version = context.catalog.get(trained.encoder)
    history = json.loads(context.catalog.read(version, "history.json"))
    assert [record["epoch"] for record in history] == [1, 2, 3, 4, 5, 6]
    lowest = min(history, key=lambda record: record["validation_supervised"])
    assert lowest["epoch"] == trained.best_epoch


def test_what_is_tracked_has_the_documented_names(make: MakeContext) -> None:
    context = make(
        "image",
        modalities={"image": {"transform": "standardize", "keys": {"labels": "y"}, "lambda": 0.25}},
    )
    prepared = prepare(context)
    parent = context.tracker.start("tiny", "train")
    trained = train(context, "image", parent_run=parent.id, pipeline_run="p1")
    _, run = runs(context)
    assert (run.experiment, run.name, run.parent) == ("tiny", "image", parent.id)
    assert run.status == "finished"

    for name in PER_EPOCH:
        assert [step for step, _ in run.values(name)] == [1, 2, 3], name
    once = {metric.name for metric in run.logged_metrics} - PER_EPOCH
    assert once == {"lambda", "best_epoch", "best/supervised_validation"}
    assert run.values("lambda") == [(0, 0.25)]
    history = json.loads(context.catalog.read(context.catalog.get(trained.encoder), "history.json"))
    assert run.values("loss/train") == [(r["epoch"], r["train_loss"]) for r in history]
    assert run.values("supervised/validation") == [
        (r["epoch"], r["validation_supervised"]) for r in history
    ]
    assert run.values("best_epoch") == [(0, trained.best_epoch)]

    expected = {
        "lambda": "0.25",
        "epochs": "3",
        "batch_size": "10",
        "hidden": "[16]",
        "learning_rate": "0.01",
        "seed": "0",
        "method": "sdml",
        "dimension": "16",
        "modality": "image",
        "keys.labels": "y",
        "keys.features": "X",
        "split.seed": "0",
        "transform": '["standardize"]',
    }
    assert expected.items() <= run.logged_params.items()

    assert run.logged_tags == {
        "collection": "tiny",
        "modality": "image",
        "subspace": trained.subspace,
        "features": prepared.features["image"],
        "encoder": trained.encoder,
        "pipeline_run": "p1",
    }
    (data,) = run.datasets
    assert (data.name, data.context) == ("tiny/image", "training")
    assert data.source == prepared.features["image"]
    assert data.digest == prepared.features["image"].rpartition("/")[2]


def test_without_a_pipeline_there_is_no_such_tag(make: MakeContext) -> None:
    context = make("image")
    prepare(context)
    train(context, "image")
    (run,) = runs(context)
    assert "pipeline_run" not in run.logged_tags
    assert run.parent is None


def test_another_lambda_makes_another_encoder(make: MakeContext) -> None:
    context = make("image")
    prepare(context)
    own = train(context, "image")
    other = train(context, "image", lambda_=0.9)
    assert weights(context, own) != weights(context, other)
    assert context.catalog.get(other.encoder).manifest.settings["lambda"] == 0.9
    assert [run.name for run in runs(context)] == ["image", "image λ=0.9"]
    assert runs(context)[1].logged_params["lambda"] == "0.9"

    written = make("image", modalities={"image": {"lambda": 0.9}})
    assert weights(written, train(written, "image")) == weights(context, other)


@pytest.mark.parametrize("lambda_", [-0.1, 1.1, float("nan")])
def test_a_lambda_that_is_none_is_refused(
    make: MakeContext, tmp_path: Path, lambda_: float
) -> None:
    context = make("image")
    prepare(context)
    with pytest.raises(ExperimentError, match="lambda"):
        train(context, "image", lambda_=lambda_)
    assert encoders(tmp_path) == []


def test_training_the_same_again_uses_the_version_that_is_there(
    make: MakeContext, tmp_path: Path
) -> None:
    context = make("image")
    prepare(context)
    first = train(context, "image")
    before = tiny.checksums(tmp_path / "store")
    again = make("image")
    second = train(again, "image")
    assert second.encoder == first.encoder
    assert tiny.checksums(tmp_path / "store") == before


def test_epochs_are_reported_as_they_end(make: MakeContext) -> None:
    context = make("image")
    prepare(context)
    seen: list[tuple[int, int]] = []

    def on_epoch(record: EpochRecord, epochs: int) -> None:
        seen.append((record.epoch, epochs))

    train(context, "image", on_epoch=on_epoch)
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_a_named_feature_set_is_the_one_that_is_used(make: MakeContext) -> None:
    context = make("image")
    old = prepare(context).features["image"]
    newer = make("image", modalities={"image": {"transform": "l2"}})
    new = prepare(newer).features["image"]
    pinned, latest = train(newer, "image", features=old), train(newer, "image")
    for trained, features in ((pinned, old), (latest, new)):
        made_from = context.catalog.get(trained.encoder).manifest.made_from["features"]
        assert features.endswith(made_from)


def test_the_feature_set_is_one_for_the_subspace_of_the_file(make: MakeContext) -> None:
    """Not simply the newest: that one may belong to another subspace."""
    first, second = make("image"), make("image", subspace={"seed": 1})
    one, two = prepare(first), prepare(second)
    assert one.subspace != two.subspace
    assert train(first, "image").subspace == one.subspace.rpartition("/")[2]
    assert train(second, "image").subspace == two.subspace.rpartition("/")[2]
    third = make("image", subspace={"seed": 2})
    with pytest.raises(NotFoundError, match="sdml prepare"):
        train(third, "image")


def test_what_was_not_prepared_cannot_be_trained(make: MakeContext) -> None:
    context = make()
    prepare(context, modalities=["image"])
    with pytest.raises(NotFoundError, match=r"features of text.*image.*sdml prepare"):
        train(context, "text")
    with pytest.raises(ExperimentError, match="'audio'"):
        train(context, "audio")
    assert runs(context) == []


def test_too_few_samples_for_a_batch_end_the_run_as_failed(
    make: MakeContext, tmp_path: Path
) -> None:
    context = make("image", training={"batch_size": 37})
    prepare(context)
    before = tiny.checksums(tmp_path / "store")
    with pytest.raises(DataError, match="36 samples and batch_size is 37"):
        train(context, "image")
    assert [run.status for run in runs(context)] == ["failed"]
    assert tiny.checksums(tmp_path / "store") == before


def test_a_loss_that_is_no_longer_finite_leaves_no_encoder(
    make: MakeContext, tmp_path: Path
) -> None:
    context = make(
        "image",
        training={
            "learning_rate": 1e30,
            "normalize_code": False,
            "normalize_reconstruction": False,
        },
    )
    prepare(context)
    with pytest.raises(TrainingError, match="lower learning_rate"):
        train(context, "image")
    assert encoders(tmp_path) == []
    assert [run.status for run in runs(context)] == ["failed"]


def test_several_labels_and_unlabelled_samples_train(make: MakeContext, tmp_path: Path) -> None:
    context = make("image")
    data = tiny.arrays("image")
    hot = np.eye(3, dtype=np.uint8)[data["y"]]
    hot[::4, 0] = 1
    hot[:5] = 0
    np.savez(tmp_path / "image.npz", **{**data, "y": hot})
    prepare(context)
    assert train(context, "image").epochs == 3


KILLED = """
import os, signal, sys
from pathlib import Path
from sdml.experiment import read_experiment
from sdml.steps.context import Context
from sdml.steps.train import train

def on_epoch(record, epochs):
    if record.epoch == 4:
        os.kill(os.getpid(), signal.SIGKILL)

context = Context.open(read_experiment(Path(sys.argv[1])), track=False)
train(context, "image", on_epoch=on_epoch)
"""


def test_a_killed_training_goes_on_and_ends_with_the_same_encoder(
    make: MakeContext, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    every_epoch: dict[str, Any] = {"epochs": 7, "checkpoint_seconds": 0}
    whole = make("image", training=every_epoch, store=str(tmp_path / "whole"))
    prepare(whole)
    expected = train(whole, "image")

    context = make("image", training=every_epoch)
    prepare(context)
    file = str(tmp_path / "experiment.yaml")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, file], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert encoders(tmp_path) == []
    checkpoints = tmp_path / "store" / "tiny" / "checkpoints"
    assert [path.suffix for path in checkpoints.rglob("*") if path.is_file()] == [".safetensors"]

    seen: list[int] = []
    with caplog.at_level(logging.INFO, logger="sdml"):
        resumed = train(context, "image", on_epoch=lambda record, _: seen.append(record.epoch))
    assert "training continues after epoch 4" in caplog.text
    assert seen == [5, 6, 7]
    assert resumed.epochs == 7
    version, other = context.catalog.get(resumed.encoder), whole.catalog.get(expected.encoder)
    assert version.manifest.objects == other.manifest.objects
    assert version.manifest.settings == other.manifest.settings
    assert [path for path in checkpoints.rglob("*") if path.is_file()] == []


def stopped_at(asks: int) -> Callable[[], bool]:
    """Says so when it is asked for the n-th time, counted from 1."""
    asked = itertools.count(1)
    return lambda: next(asked) >= asks


def test_a_stop_ends_the_run_as_killed_and_keeps_a_checkpoint(
    make: MakeContext, tmp_path: Path
) -> None:
    whole = make("image", store=str(tmp_path / "whole"))
    prepare(whole)
    expected = weights(whole, train(whole, "image"))
    context = make("image")
    prepare(context)
    with pytest.raises(Interrupted, match="in epoch 2 of 3, after 1 of its batches"):
        train(context, "image", stop=stopped_at(6))  # once before, three batches, validation, one
    assert [run.status for run in runs(context)] == ["killed"]
    assert encoders(tmp_path) == []
    assert weights(context, train(context, "image", stop=lambda: False)) == expected


def test_a_stop_while_it_publishes_is_too_late(make: MakeContext) -> None:
    context = make("image")
    prepare(context)
    told = False

    def on_epoch(record: EpochRecord, epochs: int) -> None:
        nonlocal told
        told = record.epoch == epochs

    train(context, "image", stop=lambda: told, on_epoch=on_epoch)
    assert [run.status for run in runs(context)] == ["finished"]


def test_a_signal_while_it_reads_ends_the_run_as_killed(
    make: MakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody asks before the first batch."""
    context = make("image")
    prepare(context)

    def told(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(sys.modules["sdml.steps.train"], "fit", told)

    def work() -> None:
        with stop_on_sigterm() as stop:
            train(context, "image", stop=stop)

    with pytest.raises(Interrupted, match="ended by SIGTERM"):
        work()
    assert [run.status for run in runs(context)] == ["killed"]


class TestReuse:
    def test_the_same_is_not_trained_again(self, make: MakeContext, tmp_path: Path) -> None:
        context = make("image")
        prepare(context)
        first = train(context, "image", reuse=True)
        before = tiny.checksums(tmp_path / "store")
        parent = context.tracker.start("tiny", "pipeline")
        again = train(
            context, "image", reuse=True, parent_run=parent.id, pipeline_run="p", on_epoch=never
        )
        assert not first.reused
        assert again == replace(first, seconds=again.seconds, reused=True)
        assert tiny.checksums(tmp_path / "store") == before

        trained, _, reused = runs(context)
        assert reused.parent == parent.id
        assert reused.status == "finished"
        assert reused.logged_params == trained.logged_params
        expected = {**trained.logged_tags, "reused": "true", "pipeline_run": "p"}
        assert reused.logged_tags == expected
        for name in {metric.name for metric in trained.logged_metrics} - {"samples_per_second"}:
            assert reused.values(name) == trained.values(name), name
        assert reused.values("samples_per_second") == []
        assert reused.datasets == trained.datasets

    def test_without_it_there_is_training(self, make: MakeContext) -> None:
        context = make("image")
        prepare(context)
        train(context, "image")
        assert not train(context, "image").reused

    @pytest.mark.parametrize(
        "change",
        [
            {"training": {"lambda": 0.4}},
            {"training": {"seed": 1}},
            {"training": {"epochs": 2}},
            {"training": {"selection": "last"}},
            {"modalities": {"image": {"transform": "l2"}}},
            {"subspace": {"seed": 1}},
        ],
    )
    def test_what_decides_the_result_must_be_the_same(
        self, make: MakeContext, change: dict[str, Any]
    ) -> None:
        context = make("image")
        prepare(context)
        train(context, "image")
        other = make("image", **change)
        prepare(other)
        assert not train(other, "image", reuse=True).reused
        assert train(context, "image", reuse=True).reused  # an older one, not the newest

    def test_how_often_it_is_checkpointed_does_not_matter(self, make: MakeContext) -> None:
        context = make("image")
        prepare(context)
        train(context, "image")
        other = make("image", training={"checkpoint_seconds": 1})
        assert train(other, "image", reuse=True).reused

    def test_another_feature_set_with_the_same_content_will_do(self, make: MakeContext) -> None:
        context = make("image")
        prepare(context)
        first = train(context, "image")
        other = make("image", modalities={"image": {"transform": "l2"}})
        prepare(other)
        newer = prepare(make("image")).features["image"]
        again = train(make("image"), "image", reuse=True)
        assert (again.reused, again.encoder) == (True, first.encoder)
        made_from = context.catalog.get(first.encoder).manifest.made_from["features"]
        assert not newer.endswith(made_from)

    def test_a_damaged_encoder_is_not_taken(
        self, make: MakeContext, caplog: pytest.LogCaptureFixture
    ) -> None:
        context = make("image")
        prepare(context)
        first = train(context, "image")
        file = Path(first.encoder) / "encoder.safetensors"
        file.write_bytes(file.read_bytes()[:-1])
        again = train(make("image"), "image", reuse=True)
        assert not again.reused
        assert "cannot be used again" in caplog.text

    def test_an_encoder_whose_features_are_gone_is_not_taken(self, make: MakeContext) -> None:
        context = make("image")
        features = prepare(context).features["image"]
        train(context, "image")
        shutil.rmtree(features)
        other = make("image")
        prepare(other)
        assert not train(other, "image", reuse=True).reused


def never(*_: object) -> None:
    raise AssertionError
