"""A classifier is trained for the very posterior that retrieval has of its codes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sdml.experiment import TrainingSettings
from sdml.retrieval import posterior_representation
from sdml.training.supervision import Supervision
from tests.training.trainee import SUBSPACE

LABELS = np.array([[1, 0, 0, 0], [0, 1, 1, 0], [1, 1, 0, 1]])


@pytest.mark.parametrize("lengths", [[1, 1, 1, 1], [5.2, 5.4, 4.9, 5.3]], ids=["drawn", "learned"])
@pytest.mark.parametrize("multi_label", [False, True])
def test_the_loss_is_that_of_retrievals_posterior(lengths: list[float], multi_label: bool) -> None:
    projection_KC = (SUBSPACE.projection_KC * np.array(lengths)).astype(np.float32)
    targets_NC = LABELS if multi_label else np.eye(4, dtype=int)[:3]
    codes_NK = np.random.default_rng(0).standard_normal((3, len(projection_KC)))
    codes_NK /= np.linalg.norm(codes_NK, axis=1, keepdims=True)
    loss = Supervision(projection_KC, TrainingSettings(method="classifier"), torch.device("cpu"))(
        torch.from_numpy(codes_NK).float(),
        torch.from_numpy(targets_NC).float(),
        multi_label=multi_label,
    )
    chance_NC = posterior_representation(codes_NK, projection_KC, multi_label=multi_label)
    if multi_label:
        chance_NC *= 2  # retrieval divides by the root of the number of classes
        terms_NC = np.where(targets_NC, np.log(chance_NC), np.log1p(-chance_NC))
    else:
        terms_NC = np.where(targets_NC, np.log(chance_NC), 0)
    assert float(loss) == pytest.approx(-terms_NC.sum(axis=1).mean(), rel=1e-5)
