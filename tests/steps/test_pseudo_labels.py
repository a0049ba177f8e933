"""Pseudo-labels from the experiment file to the manifest and the tracked run."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sdml.errors import UserError
from sdml.steps.context import Context
from sdml.steps.prepare import prepare
from sdml.steps.sweep import sweep, sweep_settings
from sdml.steps.train import train
from tests.steps.conftest import MakeContext
from tests.steps.trained import runs, weights

SOON = {"threshold": 0.6, "start_epoch": 2}
HIDDEN = {"image": {"train_labels": {"hidden": 0.8}}}


def sections(pseudo_labels: Any) -> dict[str, Any]:
    training = {"epochs": 6, "selection": "last", "pseudo_labels": pseudo_labels}
    return {"modalities": HIDDEN, "training": training}


def counted(context: Context, run: int) -> list[float]:
    """Each epoch's number, as it was tracked."""
    return [value for _, value in runs(context)[run].values("pseudo_labelled/train")]


def test_hidden_labels_are_guessed_counted_and_told(make: MakeContext) -> None:
    context = make("image", **sections(SOON))
    prepare(context)
    trained = train(context, "image")
    counts = counted(context, 0)
    assert counts[0] == 0
    assert max(counts) > 10  # of 36 samples 30 or so are unlabelled
    version = context.catalog.get(trained.encoder)
    assert version.manifest.settings["pseudo_labels"] == SOON
    history = json.loads(context.catalog.read(version, "history.json"))
    assert [epoch["pseudo_labelled"] for epoch in history] == counts

    again = train(context, "image", reuse=True)
    assert (again.reused, again.encoder) == (True, trained.encoder)
    assert counted(context, 1) == counts
    off = make("image", **sections(None))
    plain = train(off, "image", reuse=True)
    assert not plain.reused
    assert weights(off, plain) != weights(context, trained)
    assert counted(off, 0) == []
    assert "pseudo_labels" not in off.catalog.get(plain.encoder).manifest.settings


def test_a_sweep_is_refused_before_it_starts(make: MakeContext) -> None:
    context = make("image", **sections(SOON))
    prepare(context)
    with pytest.raises(UserError, match="leave pseudo_labels out"):
        sweep(context, "image", sweep_settings(context, "image", lambdas=[0.2, 0.4]))
    assert runs(context) == []
