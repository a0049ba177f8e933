"""A training whose encoder is looked at while it goes on: codes of a split after some epochs."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from sdml.errors import UserError
from sdml.experiment import SplitName, TrainingSettings
from sdml.features import load_split
from sdml.steps.plan import Plan
from sdml.training import ALONE, EpochRecord, fit
from sdml.training.encoder_file import encoder_from_bytes, encoder_to_bytes
from sdml.training.optimised import Optimised

Floats = npt.NDArray[np.float32]


def watched(
    plan: Plan, split: SplitName, marks: Collection[int]
) -> tuple[tuple[EpochRecord, ...], dict[int, tuple[Floats, npt.NDArray[Any]]]]:
    """Train as the plan says; nothing is stored.

    Args:
        plan: of the training.
        split: that is embedded.
        marks: the epochs after which it is.

    Returns:
        All epochs, and the codes (N, K) and labels of the split after each of the marks.

    Raises:
        UserError: the trained network is not the whole encoder (``ridge_share``).
    """
    if plan.settings.ridge_share > 0:
        raise UserError(
            "epochs can be looked at where the network alone is the encoder, but ridge_share is "
            f"{plan.settings.ridge_share:g}: give --preset sdml-reference"
        )
    part = load_split(lambda name: plan.context.catalog.local(plan.features, name), split)
    data = plan.data()
    learners: list[Optimised] = []
    found = {}

    def make(
        features: int, projection_KC: Floats, settings: TrainingSettings, device: torch.device
    ) -> Optimised:
        learners.append(ALONE.learner(features, projection_KC, settings, device))
        return learners[0]

    def look(epoch: EpochRecord) -> None:
        if epoch.epoch in marks:
            file = encoder_to_bytes(
                learners[0].encoder_state(),
                modality=plan.modality,
                subspace=plan.subspace.identity,
                settings=plan.settings,
            )
            encoder = encoder_from_bytes(file, where=f"epoch {epoch.epoch}")
            found[epoch.epoch] = encoder.embed(part.features_ND), np.array(part.labels)

    fitted = fit(data, plan.subspace.projection_KC, plan.settings, on_epoch=look, learner_type=make)
    return fitted.history, found
