"""Centred features: what training sees, and that the stored encoder takes them as they are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sdml.networks import Encoder
from sdml.training.data import Samples
from sdml.training.scaling import Scaling

CPU = torch.device("cpu")
FEATURES = (7 + 3 * np.random.default_rng(0).standard_normal((2100, 6))).astype(np.float32)


def seen(samples: Samples) -> np.ndarray:
    return torch.cat([features for features, _ in samples.blocks()]).numpy()


def samples_of(features: np.ndarray, scaling: Scaling | None) -> Samples:
    labels = np.zeros(len(features), dtype=np.int32)
    return Samples(features, labels, classes=2, device=CPU, name="training", scaling=scaling)


def test_mean_zero_and_one_size() -> None:
    samples = samples_of(FEATURES, Scaling.of(FEATURES))
    expected = (FEATURES - FEATURES.mean(0)) / FEATURES.astype(float).std(0).mean()
    np.testing.assert_allclose(seen(samples), expected, atol=0.02)
    assert np.square(seen(samples)).mean() == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(seen(samples).mean(0), 0, atol=1e-4)
    batches = [f.clone() for f, _ in samples.batches(100, seed=0, epoch=1, drop_last=True)]
    np.testing.assert_allclose(
        np.sort(torch.cat(batches).numpy(), axis=0), np.sort(seen(samples), axis=0), atol=1e-6
    )
    np.testing.assert_allclose(samples.some(5000, seed=0)[0], seen(samples), atol=1e-6)
    assert samples.some(10, seed=0)[0].shape == (10, 6)


def test_the_samples_themselves_stay() -> None:
    """They may be the caller's, or memory-mapped."""
    before = FEATURES.copy()
    samples = samples_of(FEATURES, Scaling.of(FEATURES))
    list(samples.blocks())
    list(samples.batches(50, seed=0, epoch=1, drop_last=True))
    np.testing.assert_array_equal(FEATURES, before)


@pytest.mark.parametrize("hidden", [(), (8,)])
def test_folded(hidden: tuple[int, ...]) -> None:
    scaling = Scaling.of(FEATURES)
    generator = torch.Generator().manual_seed(0)
    encoder = Encoder(6, hidden, 4, normalize=True, generator=generator)
    with torch.no_grad():
        expected = encoder(torch.from_numpy(seen(samples_of(FEATURES, scaling))))
        state = {name: p.detach().numpy().copy() for name, p in encoder.named_parameters()}
        folded = {name: torch.from_numpy(a) for name, a in scaling.folded(state).items()}
        encoder.load_state_dict(folded)
        torch.testing.assert_close(encoder(torch.from_numpy(FEATURES)), expected, atol=1e-5, rtol=0)


def test_constant_features_have_a_scale() -> None:
    scaling = Scaling.of(np.full((5, 3), 2, dtype=np.float32))
    assert scaling.factor == 1
    assert not seen(samples_of(np.full((5, 3), 2, dtype=np.float32), scaling)).any()
