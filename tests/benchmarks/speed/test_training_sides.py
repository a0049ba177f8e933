"""The sides of the comparison train the same network on the same batches."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.speed import training_sides
from benchmarks.speed.side_process import started
from benchmarks.speed.training_sides import SIDES, flop, multiply_adds, parameters


@pytest.fixture(autouse=True)
def few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_sides, "SAMPLES", 1000)


@pytest.mark.parametrize("side", sorted(SIDES))
def test_every_side_has_the_losses_of_the_reference(side: str) -> None:
    ours, theirs = SIDES[side](20), SIDES["reference"](20)
    losses = [float(ours()) for _ in range(12)]  # beyond the first epoch
    expected = [float(theirs()) for _ in range(12)]
    np.testing.assert_allclose(losses, expected, rtol=1e-2 if side == "bf16" else 1e-4)
    assert losses[0] != losses[1]


def test_counts_of_the_published_network() -> None:
    weights = 4096 * 1024 + 1024 * 1024 + 1024 * 512
    assert multiply_adds(4096) == 2 * weights
    assert parameters(4096) == 2 * weights + 4 * 1024 + 512 + 4096
    assert flop(4096) == pytest.approx(6.08e9, rel=1e-2)


@pytest.mark.slow
def test_a_side_in_its_own_process() -> None:
    with started("fp32", 20, 1) as side:
        first, second = side.train(2), side.train(3)
        assert len(first.losses) == 2
        assert len(second.losses) == 3
        assert second.wall > 0
        assert side.grown() > 0
