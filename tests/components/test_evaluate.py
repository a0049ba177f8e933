from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from components.evaluate.component import evaluate
from components.gather.component import gather
from components.train.component import train
from sdml.steps.context import Context

Make = Callable[..., Any]


@pytest.fixture
def gathered(experiment: str, prepared: Any, artifact: Make) -> Any:
    """Both modalities, each trained with two weights."""
    encoders = []
    for weight in (0.1, 0.9):
        for modality in ("image", "text"):
            encoder = artifact(dsl.Model)
            train.python_func(
                experiment, modality, weight, prepared, encoder, artifact(dsl.Metrics)
            )
            encoders.append(encoder)
    made = artifact()
    gather.python_func(encoders, made)
    return made


@pytest.mark.parametrize("weight", [0.1, 0.9])
def test_evaluates_the_encoders_of_one_weight(
    experiment: str, prepared: Any, gathered: Any, artifact: Make, context: Context, weight: float
) -> None:
    metrics, report = artifact(dsl.Metrics), artifact(dsl.HTML)
    evaluate.python_func(experiment, prepared, gathered, {}, metrics, report, weight)
    chosen = {
        record["modality"]: record["encoder"]
        for record in json.loads(Path(gathered.path).read_text())
        if record["weight"] == weight
    }
    stored = context.catalog.latest("report")
    for modality, uri in chosen.items():
        assert stored.manifest.made_from[f"encoder-{modality}"] == context.catalog.get(uri).path
    document = json.loads(context.catalog.read(stored, "report.json"))
    figures = {
        f"map/{pair['query']}_to_{pair['gallery']}": pair["map"]
        for pair in document["pairs"]
        if pair["similarity"] == "posterior"
    }
    assert set(figures) == {"map/image_to_text", "map/text_to_image"}
    assert set(metrics.metadata) == {*figures, "map/mean"}
    for name, value in figures.items():
        assert metrics.metadata[name] == value
    mean = (metrics.metadata["map/image_to_text"] + metrics.metadata["map/text_to_image"]) / 2
    assert metrics.metadata["map/mean"] == pytest.approx(mean)
    assert report.metadata == {"report": stored.uri}
    html = Path(report.path).read_bytes()
    assert html == context.catalog.read(stored, "report.html")
    assert html.lstrip().lower().startswith(b"<!doctype html")


def test_fails_with_one_line_without_encoders(
    experiment: str, prepared: Any, artifact: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    nothing = artifact()
    Path(nothing.path).write_text("[]")
    metrics, report = artifact(dsl.Metrics), artifact(dsl.HTML)
    with pytest.raises(SystemExit) as ended:
        evaluate.python_func(experiment, prepared, nothing, {}, metrics, report)
    assert ended.value.code == 2
    lines = [line for line in capsys.readouterr().out.splitlines() if "error" in line]
    assert len(lines) == 1
    assert metrics.metadata == {}
