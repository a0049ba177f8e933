"""Scaling for a regression: centred, one size, and folded away afterwards."""

from __future__ import annotations

import numpy as np
import torch

from sdml.networks import linear
from sdml.training.scaling import Scaling

rng = np.random.default_rng(0)
FEATURES = (rng.standard_normal((50, 7)) * np.arange(1, 8) + 30).astype(np.float32)


def test_centred_and_of_one_size() -> None:
    scaled = Scaling.of(FEATURES)(FEATURES)
    np.testing.assert_allclose(scaled.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(np.square(scaled).mean(), 1)
    np.testing.assert_allclose(
        scaled.std(0) / scaled.std(0)[0], FEATURES.std(0) / FEATURES.std(0)[0], rtol=1e-5
    )


def test_folded_into_a_layer() -> None:
    layer = linear(7, 4, torch.Generator().manual_seed(0))
    scaling = Scaling.of(FEATURES)
    with torch.no_grad():
        before = layer(torch.from_numpy(scaling(FEATURES).astype(np.float32))).numpy()
        scaling.fold(layer)
        after = layer(torch.from_numpy(FEATURES)).numpy()
    np.testing.assert_allclose(after, before, atol=1e-4)


def test_constant_features_become_zeros() -> None:
    constant = np.full((5, 3), 2, dtype=np.float32)
    np.testing.assert_array_equal(Scaling.of(constant)(constant), np.zeros((5, 3)))
