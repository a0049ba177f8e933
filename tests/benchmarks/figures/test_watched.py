"""A training that is looked at is the product's training, and its last codes are its encoder's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.figures.settings import changed
from benchmarks.figures.watched import watched
from sdml.errors import UserError
from sdml.experiment import read_experiment
from sdml.steps.context import Context
from sdml.steps.encoders import codes_of, open_encoder
from sdml.steps.plan import planned
from sdml.steps.prepare import prepare
from sdml.steps.train import settings_of, train
from tests.benchmarks.peers.test_command import make_world


def test_the_last_epoch_is_the_encoder_of_selection_last(tmp_path: Path) -> None:
    world = read_experiment(make_world(tmp_path, multi_label=False))
    experiment = changed(world, preset="sdml-reference", selection="last", epochs=3)
    context = Context.open(experiment)
    prepare(context)
    plan = planned(context, "image", settings_of(context, "image", None), None)
    history, codes = watched(plan, "test", [1, 3])
    trained = context.catalog.get(train(context, "image").encoder)
    expected_NK, split = codes_of(context, open_encoder(context, trained), "test")
    assert len(history) == 3
    assert set(codes) == {1, 3}
    np.testing.assert_array_equal(codes[3][0], expected_NK)
    np.testing.assert_array_equal(codes[3][1], split.labels)
    assert not np.array_equal(codes[1][0], expected_NK)


def test_a_setting_of_one_modality_alone_is_not_replaced(tmp_path: Path) -> None:
    path = make_world(tmp_path, multi_label=False)
    path.write_text(path.read_text().replace("text.npz}", "text.npz, epochs: 4}"))
    with pytest.raises(UserError, match="text has its own"):
        changed(read_experiment(path), epochs=3)
