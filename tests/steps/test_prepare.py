from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdml.errors import DataError, ExperimentError, StoreFullError, SubspaceError
from sdml.features import load_split
from sdml.steps import prepare as module
from sdml.steps.context import Context, read_subspace
from sdml.steps.prepare import Prepared, prepare
from sdml.steps.train import train
from sdml.store import Version
from tests.steps import tiny
from tests.steps.conftest import MakeContext


def files_of(tmp_path: Path) -> dict[str, str]:
    store = tmp_path / "store"
    return tiny.checksums(store) if store.exists() else {}


def split_of(context: Context, uri: str, split: Any) -> tuple[np.ndarray, np.ndarray]:
    version = context.catalog.get(uri)
    part = load_split(lambda name: context.catalog.local(version, name), split)
    return np.asarray(part.features_ND), np.asarray(part.labels)


def test_all_modalities_share_one_new_subspace(make: MakeContext) -> None:
    context = make()
    made = prepare(context)
    assert set(made.features) == {"image", "text"}
    (subspace,) = context.catalog.versions("subspace")
    assert made.subspace == subspace.uri
    for uri in made.features.values():
        assert context.catalog.get(uri).manifest.made_from == {"subspace": subspace.path}
    assert read_subspace(context.catalog, subspace).classes == ("0", "1", "2")


def test_features_arrive_as_they_are_in_the_source(make: MakeContext) -> None:
    context = make()
    made = prepare(context)
    source = tiny.arrays("image")
    for number, split in enumerate(("train", "validation", "test")):
        features_ND, labels = split_of(context, made.features["image"], split)
        inside = source["split"] == number
        assert np.array_equal(features_ND, source["X"][inside])
        assert np.array_equal(labels, source["y"][inside])


def test_the_same_inputs_make_the_same_versions(make: MakeContext, tmp_path: Path) -> None:
    first = prepare(make())
    before = files_of(tmp_path)
    assert prepare(make()) == first
    assert files_of(tmp_path) == before


def test_another_transform_makes_another_version_and_keeps_the_old(
    make: MakeContext, tmp_path: Path
) -> None:
    first = prepare(make())
    before = files_of(tmp_path)
    second = prepare(
        make("image", modalities={"image": {"transform": "standardize"}}), modalities=["image"]
    )
    assert second.subspace == first.subspace
    assert second.features["image"] != first.features["image"]
    assert before.items() <= files_of(tmp_path).items()
    features_ND, _ = split_of(make(), second.features["image"], "train")
    assert np.abs(features_ND.mean(axis=0)).max() < 1e-5
    assert np.allclose(features_ND.std(axis=0), 1, atol=1e-5)


def test_one_modality_still_counts_the_classes_of_the_others(
    make: MakeContext, tmp_path: Path
) -> None:
    few = {"missing_class": "warn"}
    context = make(modalities={"image": few, "text": few})
    data = tiny.arrays("text")
    np.savez(tmp_path / "text.npz", **{**data, "y": data["y"] + 5})
    made = prepare(context, modalities=["image"])
    assert made.features.keys() == {"image"}
    version = context.catalog.get(made.subspace)
    assert read_subspace(context.catalog, version).classes == ("0", "1", "2", "5", "6", "7")


def test_explicit_classes_are_the_columns_in_their_order(make: MakeContext) -> None:
    context = make(subspace={"dimension": 16, "seed": 0, "classes": ["2", "0", "1"]})
    made = prepare(context, modalities=["image"])
    version = context.catalog.get(made.subspace)
    assert read_subspace(context.catalog, version).classes == ("2", "0", "1")
    _, labels = split_of(context, made.features["image"], "train")
    y = tiny.arrays("image")["y"][:36]
    assert np.array_equal(np.array([2, 0, 1])[labels], y)


def test_a_modality_named_twice_is_prepared_once(make: MakeContext) -> None:
    context = make()
    made = prepare(context, modalities=["image", "image"])
    assert list(made.features) == ["image"]
    assert len(context.catalog.versions("features")) == 1


def test_a_new_modality_leaves_every_older_object_as_it_was(
    make: MakeContext, tmp_path: Path
) -> None:
    first = prepare(make())
    before = files_of(tmp_path)
    made = prepare(make("audio"), new_modality=True)
    assert made.subspace == first.subspace
    assert made.features.keys() == {"audio"}
    after = files_of(tmp_path)
    assert before.items() <= after.items()
    assert {name.split("/")[1] for name in after.keys() - before.keys()} == {"features"}


def test_a_new_modality_may_lack_a_section_about_the_subspace(make: MakeContext) -> None:
    first = prepare(make(subspace={"dimension": 24, "seed": 9}))
    assert prepare(make("audio", subspace=None), new_modality=True).subspace == first.subspace


@pytest.mark.parametrize("new_modality", [True, False])
def test_a_class_outside_the_stored_vocabulary_is_refused(
    make: MakeContext, tmp_path: Path, new_modality: bool
) -> None:
    made = prepare(make())
    before = files_of(tmp_path)
    context = make("audio")
    data = tiny.arrays("audio")
    data["y"][3] = 7
    np.savez(tmp_path / "audio.npz", **data)
    fixed = f"the stored subspace {made.subspace.rpartition('/')[2]} fixes them"
    with pytest.raises(DataError, match=rf"audio.*'7'.*row 3.*{fixed}.*another name"):
        prepare(context, new_modality=new_modality)
    assert files_of(tmp_path) == before


@pytest.mark.parametrize(
    "asked", [{"classes": ["0", "1", "2", "7"]}, {"seed": 1}], ids=["classes", "seed"]
)
def test_another_subspace_beside_encoders_is_told_in_one_line(
    finished: Path, caplog: pytest.LogCaptureFixture, asked: dict[str, Any]
) -> None:
    prepare(tiny.open_file(finished / "experiment.yaml"))
    assert caplog.messages == []
    few = {name: {"missing_class": "warn"} for name in ("image", "text")}
    file = tiny.write_experiment(finished, "image", "text", subspace=asked, modalities=few)
    context = tiny.open_file(file)
    (old,) = context.catalog.versions("subspace")
    new = prepare(context).subspace.rpartition("/")[2]
    (line,) = [message for message in caplog.messages if "another subspace" in message]
    assert f"encoders of image, text for {old.manifest.id}; " in line
    assert f"another subspace, {new}, " in line
    assert "\n" not in line
    caplog.clear()
    prepare(context)
    assert "another subspace" not in caplog.text


def test_without_encoders_another_subspace_is_nobodys_concern(
    make: MakeContext, caplog: pytest.LogCaptureFixture
) -> None:
    prepare(make())
    prepare(make(subspace={"dimension": 16, "seed": 1}))
    assert caplog.messages == []


def broken(**changes: Any) -> tiny.Arrays:
    return {**tiny.arrays("text"), **changes}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"X": np.full((60, 6), np.nan)}, "finite"),
        ({"y": np.arange(59) % 3}, "59 entries, 60 samples"),
        ({"split": np.zeros(60)}, "validation must hold at least one sample"),
        ({"y": np.where(np.arange(60) < 36, np.arange(60) % 2, 2)}, "every label must be one of"),
    ],
)
def test_a_bad_second_modality_leaves_the_store_empty(
    make: MakeContext, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    context = make(subspace={"dimension": 16, "seed": 0, "classes": ["0", "1"]})
    images = {**tiny.arrays("image")}
    images["y"] = images["y"] % 2
    np.savez(tmp_path / "image.npz", **images)
    np.savez(tmp_path / "text.npz", **{**broken(y=np.arange(60) % 2), **changes})
    with pytest.raises(DataError, match=message):
        prepare(context)
    assert files_of(tmp_path) == {}


def test_no_labels_at_all_are_refused(make: MakeContext, tmp_path: Path) -> None:
    context = make("image")
    np.savez(tmp_path / "image.npz", **{**tiny.arrays("image"), "y": np.full(60, -1)})
    with pytest.raises((DataError, SubspaceError), match="label"):
        prepare(context)
    assert files_of(tmp_path) == {}


def test_an_unknown_modality_is_refused(make: MakeContext, tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match="'video'"):
        prepare(make(), modalities=["image", "video"])
    assert files_of(tmp_path) == {}


def test_a_given_split_settings_and_seed_stand_in_the_manifest(make: MakeContext) -> None:
    context = make("image", modalities={"image": {"transform": ["l2"], "split": {"seed": 4}}})
    version: Version = context.catalog.get(prepare(context).features["image"])
    assert version.manifest.seed == 4
    assert version.manifest.settings["transform"] == ["l2"]
    assert version.manifest.settings["split"] == {
        "train": 0.8,
        "validation": 0.1,
        "test": 0.1,
        "seed": 4,
        "validation_from": "train",
    }
    assert json.loads(context.catalog.read(version, "transform.json"))["steps"] == ["l2"]


def test_no_room_for_temporary_files_is_an_error_of_ours(
    make: MakeContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> Prepared:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "build_feature_set", full)
    with pytest.raises(StoreFullError, match="no space left"):
        prepare(make())
    assert files_of(tmp_path) == {}


def test_a_folder_for_temporary_files_that_cannot_be_made(
    make: MakeContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("SDML_SCRATCH", str(tmp_path / "file" / "below"))
    with pytest.raises(Exception, match=r"file/below.*not a folder"):
        prepare(make())
    assert files_of(tmp_path) == {}


def test_worse_training_labels_are_recorded_and_clean_ones_leave_no_trace(
    make: MakeContext, tmp_path: Path
) -> None:
    context = make("image")
    clean = context.catalog.get(prepare(context).features["image"])
    assert "train_labels" not in clean.manifest.settings
    asked = {"noise": 0.25, "hidden": 0.5, "seed": 4}
    worse = make("image", modalities={"image": {"source": "image.npz", "train_labels": asked}})
    version = worse.catalog.get(prepare(worse).features["image"])
    assert version.manifest.settings["train_labels"] == asked
    kept = {record.name: record.sha256 for record in clean.manifest.objects}
    changed = {r.name for r in version.manifest.objects if kept[r.name] != r.sha256}
    assert changed == {"train.labels.npy"}
    labels = load_split(lambda name: worse.catalog.local(version, name), "train").labels
    assert (labels == -1).sum() == 18


def test_a_modality_learns_from_few_labels(make: MakeContext) -> None:
    asked = {"hidden": 0.8}
    context = make("image", modalities={"image": {"source": "image.npz", "train_labels": asked}})
    prepare(context)
    assert train(context, "image").epochs == 3
