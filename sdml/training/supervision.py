"""The part of a training's loss that knows the labels, with the constants that it needs.

Letters: N samples, K code size, C classes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sdml.experiment import TrainingSettings
from sdml.objectives import classifier_loss, supervised_loss
from sdml.retrieval.similarity import SEVERAL, projection_temperature
from sdml.subspace import orthonormal_columns


class Supervision:
    """What methods ``sdml`` and ``classifier`` differ in, as a function of codes and targets.

    Attributes:
        projection_KC: P, on the device.
        temperature: of the posterior that retrieval uses where an item has one label.
    """

    def __init__(
        self,
        projection_KC: npt.NDArray[np.float32],
        settings: TrainingSettings,
        device: torch.device,
    ) -> None:
        """Take P to the device.

        Args:
            projection_KC: P, float32.
            settings: of the modality.
            device: of codes and targets.
        """
        self.projection_KC = torch.from_numpy(projection_KC.copy()).to(device)
        self.temperature = projection_temperature(projection_KC)
        self._units_KC = torch.nn.functional.normalize(self.projection_KC, dim=0)
        self._settings = settings
        self._gram_CC = (
            None
            if orthonormal_columns(projection_KC)
            else self.projection_KC.T @ self.projection_KC
        )

    def posterior(self, codes_NK: Tensor) -> Tensor:
        """Of each class (N, C), if there can be but one: softmax(τPᵀh)."""
        return torch.softmax(self.temperature * (codes_NK @ self.projection_KC), dim=1)

    def __call__(
        self, codes_NK: Tensor, targets_NC: Tensor, *, multi_label: bool = False
    ) -> Tensor:
        """The loss, a scalar; arguments as of the objectives."""
        settings = self._settings
        if settings.method == "classifier":
            return classifier_loss(
                codes_NK,
                self._units_KC if multi_label else self.projection_KC,
                targets_NC,
                temperature=SEVERAL if multi_label else self.temperature,
                multi_label=multi_label,
            )
        return supervised_loss(
            codes_NK,
            self.projection_KC,
            targets_NC,
            gram_CC=self._gram_CC,
            squared=settings.squared,
            label_count_normalised=settings.label_count_normalised,
        )
