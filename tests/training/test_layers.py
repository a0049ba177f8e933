"""Steps in the backward pass against autograd with torch's Adam, toggle by toggle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from sdml.experiment import TrainingSettings
from sdml.subspace import Subspace
from sdml.training import layers
from sdml.training.data import Samples
from sdml.training.learner import Learner
from sdml.training.products import Fp32
from tests.training.trainee import SUBSPACE, modality

CPU = torch.device("cpu")
P = SUBSPACE.projection_KC
SIMPLEX = Subspace.simplex(["a", "b", "c", "d"], dimension=16, seed=0).projection_KC
HIDDEN = (48, 33)


class Autograd(Learner):
    """The same learner, its gradients kept and its Adam torch's own."""

    _alone = False

    def step(self, features_BD: torch.Tensor, targets_BC: torch.Tensor) -> torch.Tensor:
        losses = self._forward(features_BD, targets_BC)
        self._advance(losses.total)
        return torch.stack(losses).detach()


def trained(kind: type[Learner], settings: TrainingSettings, projection: Any = P) -> Any:
    """(losses of 16 steps, the state after them); the last batch of an epoch has 20 rows."""
    split = Samples(
        modality(features=21, seed=0).features_ND,
        modality(features=21, seed=0).labels,
        classes=4,
        device=CPU,
        name="training",
    )
    learner = kind(21, projection, settings, CPU)
    losses = [
        learner.step(*batch).tolist()
        for epoch in (1, 2)
        for batch in split.batches(40, seed=0, epoch=epoch, drop_last=False)
    ]
    return losses, {name: array.copy() for name, array in learner.state().items()}


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"lambda_": 0.0},
        {"lambda_": 1.0},
        {"squared": True},
        {"normalize_code": False},
        {"normalize_reconstruction": False},
        {"normalize_target": True},
        {"decoder_output_relu": True},
        {"label_count_normalised": True},
        {"weight_decay": 0.01, "betas": (0.9, 0.99)},
        {"hidden": ()},
        {"method": "classifier", "lambda_": 0.0},
        {"method": "classifier", "lambda_": 0.4},
        {"projection": SIMPLEX},
    ],
    ids=str,
)
def test_a_step_is_that_of_autograd(
    values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "_ROWS", 16)  # several blocks a layer, the last one smaller
    projection = values.pop("projection", P)
    settings = TrainingSettings(
        preset="sdml-reference", hidden=HIDDEN, learning_rate=1e-3
    ).model_copy(update=values)
    ours, state = trained(Learner, settings, projection)
    theirs, expected = trained(Autograd, settings, projection)
    np.testing.assert_allclose(ours, theirs, rtol=2e-5)
    assert state.keys() == expected.keys()
    for name, array in state.items():
        np.testing.assert_allclose(array, expected[name], rtol=1e-2, atol=2e-5, err_msg=name)
    assert theirs[0] != theirs[-1]


def test_the_first_step_is_that_of_autograd_nearly_to_the_bit() -> None:
    settings = TrainingSettings(preset="sdml-reference", hidden=HIDDEN, learning_rate=1e-3)
    data = modality(features=21, seed=0)
    batch = next(
        Samples(data.features_ND, data.labels, classes=4, device=CPU, name="training").blocks()
    )
    ours, theirs = Learner(21, P, settings, CPU), Autograd(21, P, settings, CPU)
    for learner in (ours, theirs):
        learner.step(*batch)
    expected = theirs.state()
    for name, array in ours.state().items():
        scale = np.abs(expected[name]).max()
        np.testing.assert_allclose(array, expected[name], rtol=1e-5, atol=1e-5 * scale)


def test_no_gradient_is_kept() -> None:
    learner = Learner(21, P, TrainingSettings(preset="sdml-reference", hidden=HIDDEN), CPU)
    data = modality(features=21, seed=0)
    split = Samples(data.features_ND, data.labels, classes=4, device=CPU, name="training")
    learner.step(*next(split.blocks()))
    networks = (learner.encoder, learner.decoder)
    assert all(p.grad is None for network in networks for p in network.parameters())


@pytest.mark.parametrize("in_place", [True, False])
@pytest.mark.parametrize("lambda_", [0.0, 0.5])
def test_bf16_stays_close_and_repeats(in_place: bool, lambda_: float) -> None:
    kind = Learner if in_place else Autograd
    settings = TrainingSettings(
        preset="sdml-reference", hidden=HIDDEN, learning_rate=1e-3, lambda_=lambda_
    )
    exact, _ = trained(kind, settings)
    rounded = settings.model_copy(update={"precision": "bf16"})
    ours, state = trained(kind, rounded)
    again, same = trained(kind, rounded)
    assert ours == again
    assert all(np.array_equal(state[name], same[name]) for name in state)
    assert ours != exact
    np.testing.assert_allclose(ours, exact, rtol=0.02)
    assert all(array.dtype == np.float32 for array in state.values())


def test_bf16_in_place_is_bf16_of_autograd() -> None:
    settings = TrainingSettings(
        preset="sdml-reference", hidden=HIDDEN, learning_rate=1e-3, precision="bf16"
    )
    ours, _ = trained(Learner, settings)
    theirs, _ = trained(Autograd, settings)
    np.testing.assert_allclose(ours, theirs, rtol=1e-3)


def test_bf16_continues_from_a_state_as_if_nothing_had_happened() -> None:
    settings = TrainingSettings(
        preset="sdml-reference", hidden=HIDDEN, learning_rate=1e-3, precision="bf16"
    )
    data = modality(features=21, seed=0)
    split = Samples(data.features_ND, data.labels, classes=4, device=CPU, name="training")
    batches = [(x.clone(), y) for x, y in split.batches(50, seed=0, epoch=1, drop_last=True)]
    first, second = (Learner(21, P, settings, CPU) for _ in range(2))
    for batch in batches[:3]:
        first.step(*batch)
    second.load({name: array.copy() for name, array in first.state().items()})
    assert [first.step(*b).tolist() for b in batches[3:]] == [
        second.step(*b).tolist() for b in batches[3:]
    ]


def test_rows_cover_a_weight_once() -> None:
    learner = Learner(21, P, TrainingSettings(preset="sdml-reference", hidden=(1000, 40)), CPU)
    for layer in learner._layers.values():
        assert isinstance(layer, layers.UpdatedLinear)
        assert torch.equal(torch.cat([rows.values for rows in layer._rows]), layer._weight_OD)


@pytest.mark.parametrize("outputs", [1, 1000, 1025, 2100])
def test_a_wide_output_in_parts_is_the_whole(outputs: int) -> None:
    generator = torch.Generator().manual_seed(0)
    rows, weight = (torch.randn(n, 70, generator=generator) for n in (33, outputs))
    bias = torch.randn(outputs, generator=generator)
    made = Fp32().forward(rows, weight, bias)
    torch.testing.assert_close(made, torch.nn.functional.linear(rows, weight, bias))
