"""Real collections through the product's own steps: bars that a defect would not clear."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from benchmarks.quality import peer_maps
from sdml.experiment import Experiment, read_experiment
from sdml.steps.context import Context
from sdml.steps.evaluate import evaluate
from sdml.steps.prepare import prepare
from sdml.steps.train import train

EXAMPLES = Path(__file__).parents[2] / "examples"


def opened(name: str, modalities: list[str], real_data: Path, folder: Path, epochs: int) -> Context:
    """Some modalities of an example, with fewer epochs and a store of their own."""
    experiment: Experiment = read_experiment(
        EXAMPLES / name / "experiment.yaml", {**os.environ, "SDML_DATA": str(real_data)}
    )
    return Context.open(
        experiment.model_copy(
            update={
                "store": str(folder / "store"),
                "tracking": None,
                "training": experiment.training.model_copy(update={"epochs": epochs}),
                "modalities": {m: experiment.modalities[m] for m in modalities},
            }
        )
    )


def maps(context: Context) -> dict[str, float]:
    """Mean mAP@all by similarity, after training all modalities."""
    for modality in context.experiment.modalities:
        train(context, modality)
    report = context.catalog.get(evaluate(context).report)
    means = json.loads(context.catalog.read(report, "report.json"))["means"]
    return {similarity: mean["map"] for similarity, mean in means.items()}


@pytest.mark.slow
def test_spoken_and_written_digits_meet(real_data: Path, tmp_path: Path) -> None:
    context = opened("digits_world", ["image", "audio"], real_data, tmp_path, epochs=6)
    made = prepare(context)
    means = maps(context)
    peer = peer_maps(context, made)
    assert means["cosine"] > 0.9
    assert means["cosine"] > sum(peer.values()) / len(peer)


@pytest.mark.slow
def test_texts_and_images_of_wikipedia_beat_chance(real_data: Path, tmp_path: Path) -> None:
    context = opened("wikipedia_svcl", ["image", "text"], real_data, tmp_path, epochs=8)
    prepare(context)
    means = maps(context)
    # A random ranking is expected to reach .119 here, published semantic matching .25.
    assert means["posterior"] > 0.2
