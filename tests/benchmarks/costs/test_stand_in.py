"""The stand-in for XMedia: it can be prepared, and has the sizes that it promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.costs import stand_in
from benchmarks.peers.collection import prepared, read_views
from benchmarks.speed.modalities_process import SHAPES
from sdml.experiment import read_experiment
from sdml.steps.context import Context
from sdml.training.same_bits import Shapes


def test_it_is_prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = {
        name: Shapes(features=each.features // 20 + 1, samples=100, validation=40 + place)
        for place, (name, each) in enumerate(SHAPES.items())
    }
    monkeypatch.setattr(stand_in, "SHAPES", small)
    assert stand_in.main([str(tmp_path)]) == 0
    experiment = read_experiment(tmp_path / "experiment.yaml")
    own, features = prepared(experiment, tmp_path / "own")
    context = Context.open(own, track=False)
    for split in ("train", "validation", "test"):
        views = read_views(context, features, split)
        for name, each in small.items():
            samples = each.samples if split == "train" else each.validation
            assert views.features[name].shape == (samples, each.features)
            assert len(set(views.labels[name].tolist())) == 20


def test_one_folder_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        stand_in.main([])
    assert ended.value.code == 2
    assert "required: FOLDER" in capsys.readouterr().err
