"""A trial by the learner itself: what it sees, and that it sees a difference."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from sdml.experiment import TrainingSettings
from sdml.subspace import Subspace
from sdml.training.learner import Learner
from sdml.training.same_bits import Shapes, same_bits

SHAPES = Shapes(features=20, samples=130, validation=40)
PROJECTION = Subspace.random(["a", "b", "c"], dimension=16, seed=0).projection_KC


def settings(**given: Any) -> TrainingSettings:
    return TrainingSettings.model_validate({"hidden": [24], "batch_size": 32, **given})


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"method": "classifier"},
        {"method": "drcl"},
        {"method": "mtls", "mtls": {"partner": "image"}},
    ],
)
def test_the_same_number_and_one_that_is_seen_to_agree(given: dict[str, Any]) -> None:
    before = torch.get_num_threads()
    assert same_bits(SHAPES, PROJECTION, settings(**given), [2], 2) == 2
    assert same_bits(SHAPES, PROJECTION, settings(**given), [1], 2) == 1
    assert same_bits(SHAPES, PROJECTION, settings(**given), [], 3) == 3
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("where", ["step", "measure"])
def test_a_difference_in_the_last_bit_is_seen(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    made = getattr(Learner, where)

    def otherwise_with_one(self: Learner, *arguments: Any) -> torch.Tensor:
        losses: torch.Tensor = made(self, *arguments)
        far = torch.full_like(losses, torch.inf)
        return torch.nextafter(losses, far) if torch.get_num_threads() == 1 else losses

    monkeypatch.setattr(Learner, where, otherwise_with_one)
    assert same_bits(SHAPES, PROJECTION, settings(), [1], 2) == 2
    assert same_bits(SHAPES, PROJECTION, settings(), [1, 3], 4) in (3, 4)


def test_a_partial_batch_is_tried_too(monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[int] = []
    step = Learner.step

    def count(self: Learner, features: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        rows.append(len(features))
        return step(self, features, targets)

    monkeypatch.setattr(Learner, "step", count)
    same_bits(SHAPES, PROJECTION, settings(drop_last=False), [1], 2)
    assert sorted(rows) == [2, 2, 32, 32]
