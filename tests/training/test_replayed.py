"""A replayed step is the step: on the CPU by the same fixed memory, on a GPU by a CUDA graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from sdml.experiment import TrainingSettings
from sdml.training.data import Samples
from sdml.training.learner import Learner
from sdml.training.replayed import ReplayedStep, beside, record
from tests.training.trainee import SUBSPACE, modality

CPU = torch.device("cpu")
CUDA = torch.device("cuda")
P = SUBSPACE.projection_KC
NEEDS_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


class Autograd(Learner):
    """As on a GPU: gradients are kept, Adam is torch's."""

    _alone = False


def losses_of(learner: Learner, step: Any, *, epochs: tuple[int, ...] = (1, 2)) -> list[Tensor]:
    """Seven batches of 40 and one of 20 an epoch; read after all of them, as the loop does."""
    data = modality(features=21, seed=0)
    split = Samples(
        data.features_ND, data.labels, classes=4, device=learner.device, name="training"
    )
    return [
        step(*batch)
        for epoch in epochs
        for batch in split.batches(40, seed=0, epoch=epoch, drop_last=False)
    ]


@pytest.mark.parametrize("kind", [Learner, Autograd])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_same_bits_as_plain_steps(kind: type[Learner], precision: Any) -> None:
    settings = TrainingSettings(
        preset="sdml-reference", hidden=(32, 24), learning_rate=1e-3, precision=precision
    )
    plain, replayed = kind(21, P, settings, CPU), kind(21, P, settings, CPU)
    expected = losses_of(plain, plain.step)
    made = losses_of(replayed, ReplayedStep(replayed._plain_step, CPU))
    assert [row.tolist() for row in made] == [row.tolist() for row in expected]
    state = plain.state()
    for name, array in replayed.state().items():
        np.testing.assert_array_equal(array, state[name])


def test_a_state_is_loaded_under_a_recorded_step() -> None:
    settings = TrainingSettings(preset="sdml-reference", hidden=(32,), learning_rate=1e-3)
    learner, other = Learner(21, P, settings, CPU), Learner(21, P, settings, CPU)
    step = ReplayedStep(learner._plain_step, CPU)
    start = {name: array.copy() for name, array in learner.state().items()}
    losses_of(learner, step)
    learner.load(start)
    again = losses_of(learner, step, epochs=(2,))
    expected = losses_of(other, other.step, epochs=(2,))
    assert [row.tolist() for row in again] == [row.tolist() for row in expected]


def test_a_partial_batch_first() -> None:
    seen: list[int] = []

    def step(features_BD: Tensor, targets_BC: Tensor) -> Tensor:
        seen.append(len(features_BD))
        return torch.tensor([features_BD.sum(), targets_BC.sum(), len(features_BD)])

    replayed = ReplayedStep(step, CPU)
    rows = [2, 4, 4, 4, 4, 2, 4]
    made = [replayed(torch.ones(n, 3), torch.ones(n, 2)).tolist() for n in rows]
    assert seen == rows
    assert made == [[3 * n, 2 * n, n] for n in rows]


def test_recording_does_no_work() -> None:
    done: list[int] = []

    def work() -> Tensor:
        done.append(1)
        return torch.zeros(3)

    with beside(CPU):
        replay = record(work, CPU)
    assert not done
    assert replay().tolist() == [0, 0, 0]
    assert done == [1]


@NEEDS_GPU
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_graph_gives_what_plain_steps_give(precision: Any) -> None:
    settings = TrainingSettings(
        preset="sdml-reference", hidden=(32, 24), learning_rate=1e-3, precision=precision
    )
    plain, graphed = Learner(21, P, settings, CUDA), Learner(21, P, settings, CUDA)
    expected = losses_of(plain, plain._plain_step)
    made = losses_of(graphed, graphed.step)
    torch.testing.assert_close(torch.stack(made), torch.stack(expected), rtol=1e-4, atol=1e-5)
