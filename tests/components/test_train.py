from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from components.train.component import train
from sdml.steps.context import Context
from sdml.steps.train import train as train_step

Make = Callable[..., Any]


@pytest.mark.parametrize("weight", [0.25, 0.75, 0.0])
def test_trains_the_modality_with_the_weight(
    experiment: str,
    prepared: Any,
    artifact: Make,
    context: Context,
    weight: float,
) -> None:
    encoder, metrics = artifact(dsl.Model), artifact(dsl.Metrics)
    train.python_func(experiment, "text", weight, prepared, encoder, metrics)
    record = json.loads(Path(encoder.path).read_text())
    [stored] = context.catalog.versions("encoder")
    assert stored.manifest.modality == "text"
    assert stored.manifest.settings["lambda"] == weight
    assert stored.manifest.made_from["features"] == context.catalog.latest("features", "text").path
    assert record["encoder"] == stored.uri
    assert record["modality"] == "text"
    assert record["weight"] == weight
    assert encoder.metadata == {"encoder": stored.uri, "modality": "text", "lambda": weight}
    history = json.loads(context.catalog.read(stored, "history.json"))
    assert [epoch["epoch"] for epoch in history] == [1, 2]
    assert metrics.metadata["epochs"] == 2
    assert metrics.metadata["best_epoch"] == stored.manifest.settings["best_epoch"]
    assert metrics.metadata["seconds"] >= 0


def test_makes_the_encoder_that_the_step_makes(
    experiment: str, prepared: Any, artifact: Make, context: Context
) -> None:
    encoder = artifact(dsl.Model)
    train.python_func(experiment, "image", 0.25, prepared, encoder, artifact(dsl.Metrics))
    made = context.catalog.get(encoder.metadata["encoder"])
    direct = context.catalog.get(train_step(context, "image").encoder)
    digests = {
        hashlib.sha256(context.catalog.read(version, "encoder.safetensors")).hexdigest()
        for version in (made, direct)
    }
    assert len(digests) == 1


def test_a_weight_that_is_not_allowed_is_one_line(
    experiment: str,
    prepared: Any,
    artifact: Make,
    context: Context,
    capsys: pytest.CaptureFixture[str],
) -> None:
    encoder, metrics = artifact(dsl.Model), artifact(dsl.Metrics)
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        train.python_func(experiment, "text", 1.5, prepared, encoder, metrics)
    assert ended.value.code == 2
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("sdml: error: ") and "lambda" in line]
    assert context.catalog.versions("encoder") == []


def test_a_modality_that_was_not_prepared_is_one_line(
    experiment: str, prepared: Any, artifact: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    encoder, metrics = artifact(dsl.Model), artifact(dsl.Metrics)
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        train.python_func(experiment, "audio", 0.5, prepared, encoder, metrics)
    assert ended.value.code == 2
    assert "one of image, text, not 'audio'" in capsys.readouterr().out


def test_takes_the_stored_encoder_of_the_same_training_unless_told_not_to(
    experiment: str, prepared: Any, artifact: Make, context: Context
) -> None:
    records = []
    for reuse in (True, True, False):
        encoder = artifact(dsl.Model)
        train.python_func(experiment, "image", 0.5, prepared, encoder, artifact(dsl.Metrics), reuse)
        records.append(json.loads(Path(encoder.path).read_text()))
    assert len({record["encoder"] for record in records}) == 1  # the same bytes, stored once
    first, second, third = (record["seconds"] for record in records)
    assert len(context.catalog.versions("encoder")) == 1
    assert second < min(first, third)
