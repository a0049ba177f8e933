from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from sdml.errors import DataError, ExperimentError, NotFoundError, TrainingError
from sdml.steps.prepare import prepare
from sdml.steps.train import train
from sdml.training import EpochRecord
from sdml.training.encoder_file import encoder_from_bytes
from tests.steps import tiny
from tests.steps.conftest import MakeContext
from tests.steps.trained import encoders, runs, weights

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
    context = make("image", training={"epochs": 6, "preset": "sdml-reference"})
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
        "level": "modality",
        "method": "sdml",
        "modality": "image",
        "subspace": trained.subspace,
        "features": prepared.features["image"],
        "encoder": trained.encoder,
        "pipeline_run": "p1",
    }
    data, held_out = run.datasets
    assert (data.name, data.context) == ("tiny/image", "training")
    assert (held_out.name, held_out.context) == ("tiny/image", "validation")
    assert data.source == prepared.features["image"] + "/train.features.npy"
    assert held_out.digest != data.digest
    (model,) = run.models
    assert (model.registered, model.name) == ("tiny.image", "model")
    weights = Path(trained.encoder, "encoder.safetensors").read_bytes()
    assert model.tags == {
        "encoder": trained.encoder,
        "subspace": trained.subspace,
        "sha256": hashlib.sha256(weights).hexdigest(),
        "lambda": "0.25",
        "method": "sdml",
        "seed": "0",
    }


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


@pytest.mark.parametrize("precision", ["fp32", "bf16", "auto"])
def test_the_precision_is_tracked_and_an_automatic_one_decided(
    make: MakeContext, precision: str
) -> None:
    context = make("image", modalities={"image": {"precision": precision}})
    prepare(context)
    settings = context.catalog.get(train(context, "image").encoder).manifest.settings
    tracked = runs(context)[0].logged_params["precision"]
    assert tracked == settings.get("precision", "fp32")
    assert tracked in (("fp32", "bf16") if precision == "auto" else (precision,))


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
    context = make("image", training={"batch_size": 37, "least_batches": 1})
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
            "preset": "sdml-reference",
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


def test_settings_that_changed_after_the_preparation_are_told(
    make: MakeContext, caplog: pytest.LogCaptureFixture
) -> None:
    prepare(make("image"))
    train(make("image"), "image")
    assert "prepared with another" not in caplog.text
    changed = make("image", modalities={"image": {"transform": "l2"}})
    train(changed, "image")
    assert "modality image: its features were prepared with another transform" in caplog.text
