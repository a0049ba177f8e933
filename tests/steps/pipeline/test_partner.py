"""A new modality of method ``mtls``: its partner's encoder is pinned, and decides the cache."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdml.errors import NotFoundError
from sdml.steps.context import Context
from sdml.steps.pipeline import Pins, begin, train_pinned
from sdml.steps.prepare import prepare
from sdml.steps.train import train
from tests.steps import paired, tiny
from tests.steps.pipeline.conftest import Start, task_of


def opened(folder: Path) -> Context:
    paired.write_sources(folder)
    return tiny.open_file(tiny.write_experiment(folder, "image", "text", **paired.sections()))


def inputs_of(context: Context) -> str:
    what = {"modalities": ["text"], "new_modality": True, "pipeline": "new-modality"}
    return begin(task_of(context), **what).inputs  # type: ignore[arg-type]


def test_a_new_modality_is_trained_against_the_pinned_partner(tmp_path: Path, start: Start) -> None:
    context = opened(tmp_path)
    prepare(context, modalities=["image"])
    first = train(context, "image")
    inputs = inputs_of(context)
    pins = start(context, "text", new_modality=True, pipeline="new-modality")
    assert pins.partners == {"text": first.encoder}
    pins.write(str(tmp_path / "pins"))
    assert Pins.read(str(tmp_path / "pins")) == pins
    train(context, "image", lambda_=0.25)  # meanwhile
    assert inputs_of(context) != inputs
    made = train_pinned(task_of(context), pins, "text", lambda_=0.0, reuse=True)
    origin = context.catalog.get(made.encoder).manifest.made_from["partner"]
    assert first.encoder.endswith(origin)


def test_a_partner_that_was_not_trained_is_told_at_the_beginning(tmp_path: Path) -> None:
    context = opened(tmp_path)
    prepare(context)
    with pytest.raises(NotFoundError, match=r"run 'sdml train FILE.yaml --modality image' first"):
        inputs_of(context)
