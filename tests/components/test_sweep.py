from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from components.sweep.component import sweep
from components.train.component import train
from sdml.steps.context import Context

Make = Callable[..., Any]


def test_trains_the_modality_with_every_weight(
    experiment: str, prepared: Any, artifact: Make, context: Context
) -> None:
    encoder, metrics = artifact(dsl.Model), artifact(dsl.Metrics)
    sweep.python_func(experiment, "text", [0.25, 0.75, 0.0], prepared, encoder, metrics)
    records = json.loads(Path(encoder.path).read_text())
    stored = {v.uri: v.manifest for v in context.catalog.versions("encoder", "text")}
    assert [record["weight"] for record in records] == [0.25, 0.75, 0.0]
    assert {record["encoder"] for record in records} == set(stored)
    for record in records:
        manifest = stored[record["encoder"]]
        assert manifest.settings["lambda"] == record["weight"]
        assert manifest.settings["best_epoch"] == record["best_epoch"]
        assert (record["modality"], record["epochs"]) == ("text", 2)
    assert encoder.metadata == {
        "modality": "text",
        "encoders": {f"{record['weight']:g}": record["encoder"] for record in records},
    }
    assert metrics.metadata["encoders"] == 3
    assert metrics.metadata["seconds"] >= 0


def test_takes_what_a_training_alone_has_stored(
    experiment: str, prepared: Any, artifact: Make, context: Context
) -> None:
    alone, together = artifact(dsl.Model), artifact(dsl.Model)
    train.python_func(experiment, "image", 0.5, prepared, alone, artifact(dsl.Metrics))
    sweep.python_func(
        experiment, "image", [0.1, 0.5], prepared, together, artifact(dsl.Metrics), True
    )
    _, record = json.loads(Path(together.path).read_text())
    assert record["encoder"] == alone.metadata["encoder"]
    assert len(context.catalog.versions("encoder")) == 2


@pytest.mark.parametrize(
    ("modality", "weights", "said"),
    [
        ("text", [0.5, 1.5], "lambda"),
        ("text", [0.5, 0.5], "each value once"),
        ("audio", [0.5], "one of image, text, not 'audio'"),
    ],
)
def test_what_is_not_allowed_is_one_line(
    experiment: str,
    prepared: Any,
    artifact: Make,
    context: Context,
    capsys: pytest.CaptureFixture[str],
    modality: str,
    weights: list[float],
    said: str,
) -> None:
    encoder, metrics = artifact(dsl.Model), artifact(dsl.Metrics)
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        sweep.python_func(experiment, modality, weights, prepared, encoder, metrics)
    assert ended.value.code == 2
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("sdml: error: ") and said in line]
    assert context.catalog.versions("encoder") == []
