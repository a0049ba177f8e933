"""Method ``mtls`` from preparation to figures: the partner's lineage, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdml.errors import DataError, NotFoundError, SubspaceError, UserError
from sdml.steps.context import Context
from sdml.steps.evaluate import evaluate
from sdml.steps.gc import remove_named
from sdml.steps.prepare import prepare
from sdml.steps.sweep import sweep, sweep_settings
from sdml.steps.train import train
from tests.steps import paired, tiny
from tests.steps.trained import encoders, runs, weights

BOTH = ("image", "text")


def collection(folder: Path, sources: dict[str, Any] | None = None, **sections: Any) -> Context:
    """Prepared pairs."""
    paired.write_sources(folder, **(sources or {}))
    context = opened(folder, **sections)
    prepare(context)
    return context


def opened(folder: Path, **sections: Any) -> Context:
    return tiny.open_file(tiny.write_experiment(folder, *BOTH, **(sections or paired.sections())))


@pytest.mark.usefixtures("plain_report")
def test_text_against_the_codes_of_images_retrieves_both_ways(tmp_path: Path) -> None:
    context = collection(tmp_path)
    image = train(context, "image")
    before = tiny.checksums(tmp_path / "store")
    train(context, "text")
    after = tiny.checksums(tmp_path / "store")
    assert {name: after[name] for name in before} == before  # whatever was there is as it was
    found = evaluate(context)
    for pair in found.pairs:
        assert pair["map"] > pair["chance"] + 0.2
    report = json.loads(context.catalog.read(context.catalog.get(found.report), "report.json"))
    for direction in report["recall"]:
        assert direction["recall"]["1"] > 0.5  # by chance 0.2
        assert direction["median_rank"] <= 2
    assert report["clustering"]["ami"] > 0.2
    assert "not its authors' method" in report["details"]["encoder text"]
    assert image.encoder in {v.uri for v in context.catalog.versions("encoder", "image")}


def test_the_partner_stands_in_manifest_and_tracking(tmp_path: Path) -> None:
    context = collection(tmp_path)
    image, text = train(context, "image"), train(context, "text")
    version = context.catalog.get(text.encoder)
    assert context.catalog.get(version.manifest.made_from["partner"]).uri == image.encoder
    section = version.manifest.settings["mtls"]
    assert isinstance(section, dict)
    assert section["partner"] == "image"
    of_image, of_text = runs(context)
    assert of_text.logged_tags["partner"] == of_text.logged_params["partner"] == image.encoder
    assert "partner" not in {*of_image.logged_tags, *of_image.logged_params}
    with pytest.raises(UserError, match="encoders/text/"):
        remove_named(context, [image.encoder])


def test_the_same_bits_and_those_of_a_sweep(tmp_path: Path) -> None:
    context = collection(tmp_path)
    train(context, "image")
    expected = weights(context, train(context, "text"))
    assert weights(context, train(context, "text")) == expected
    settings = sweep_settings(context, "text", seeds=2)
    swept = sweep(context, "text", settings, reuse=False)
    assert [(one.lambda_, one.seed) for one in swept.encoders] == [(0.0, 0), (0.0, 1)]
    found = [context.catalog.get(one.encoder) for one in swept.encoders]
    one, other = (context.catalog.read(version, "encoder.safetensors") for version in found)
    assert one == expected != other
    again = sweep(context, "text", settings)
    assert [one.reused for one in again.encoders] == [True, True]


def test_an_encoder_is_taken_again_only_with_the_same_partner(tmp_path: Path) -> None:
    context = collection(tmp_path)
    first = train(context, "image")
    text = train(context, "text", reuse=True)
    assert train(context, "text", reuse=True).encoder == text.encoder
    other = train(opened(tmp_path, **with_training(seed=1)), "image")
    assert other.encoder != first.encoder
    newer = train(context, "text", reuse=True)
    assert not newer.reused
    assert weights(context, newer) != weights(context, text)
    pinned = train(context, "text", reuse=True, partner=first.encoder)
    assert (pinned.reused, pinned.encoder) == (True, text.encoder)


def with_training(**changes: Any) -> dict[str, Any]:
    made = paired.sections()
    return {**made, "training": {**made["training"], **changes}}


def test_the_partner_must_be_trained_before(tmp_path: Path) -> None:
    context = collection(tmp_path)
    said = r"no encoder of image for subspaces/.*run 'sdml train FILE.yaml --modality image' first"
    with pytest.raises(NotFoundError, match=said):
        train(context, "text")
    assert runs(context) == []
    assert encoders(tmp_path) == []


def test_an_encoder_of_another_subspace_is_no_partner(tmp_path: Path) -> None:
    other = collection(tmp_path, subspace={"seed": 1}, **paired.sections())
    image = train(other, "image")
    context = collection(tmp_path)
    with pytest.raises(NotFoundError, match="no encoder of image"):
        train(context, "text")
    with pytest.raises(SubspaceError, match="must have one subspace"):
        train(context, "text", partner=image.encoder)


def test_rows_that_are_no_pairs_are_refused(tmp_path: Path) -> None:
    turned = paired.arrays()["text"]["y"].copy()
    turned[[7, 8]] = turned[[8, 7]]
    context = collection(tmp_path, {"text": {"y": turned}})
    train(context, "image")
    before = tiny.checksums(tmp_path / "store")
    with pytest.raises(DataError, match=r"row 7 \(counted from 0\) of split train .* in text than"):
        train(context, "text")
    assert tiny.checksums(tmp_path / "store") == before


def test_as_many_rows_in_both(tmp_path: Path) -> None:
    split = paired.arrays()["text"]["split"].copy()
    split[0] = 2
    context = collection(tmp_path, {"text": {"split": split}})
    train(context, "image")
    with pytest.raises(DataError, match="split train of text has 179 and that of image 180"):
        train(context, "text")


def test_labels_in_columns_are_compared_with_class_numbers(tmp_path: Path) -> None:
    y = paired.arrays()["text"]["y"]
    hot = np.eye(5, dtype=np.uint8)[y]
    hot[3] = 0  # unlabelled: may be any
    context = collection(tmp_path, {"text": {"y": hot}})
    train(context, "image")
    train(context, "text")
    hot[5, (y[5] + 1) % 5] = 1
    other = collection(tmp_path, {"text": {"y": hot}})
    with pytest.raises(DataError, match="row 5 "):
        train(other, "text")


@pytest.mark.parametrize("worse", [{"hidden": 0.9}, {"noise": 0.4}])
def test_labels_made_worse_on_purpose_are_no_obstacle(
    tmp_path: Path, worse: dict[str, float]
) -> None:
    plain = collection(tmp_path)
    train(plain, "image")
    expected = weights(plain, train(plain, "text"))
    context = collection(tmp_path, **paired.sections(train_labels=worse))
    assert weights(context, train(context, "text")) == expected  # labels decide nothing here
