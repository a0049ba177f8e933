"""Features as a regression sees them: centred and of one size, whatever their source's.

The mean of the training samples is taken off and one factor, the same for all features, brings
their root mean square to 1. A factor for each feature would blow up those that are nearly always
zero, of which bags of words and the last layers of convolutional networks are full.

Letters: N samples, D features, H width of a layer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

_Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Scaling:
    """(x − mean)·factor, with mean (D,)."""

    mean_D: _Doubles
    factor: float

    @classmethod
    def of(cls, features_ND: npt.NDArray[np.float32]) -> Scaling:
        """Fitted on training samples, in float64."""
        mean_D = features_ND.mean(axis=0, dtype=np.float64)
        size = float(np.sqrt(np.square(features_ND - mean_D).mean()))
        return cls(mean_D=mean_D, factor=1 / size if size > 0 else 1.0)

    def __call__(self, features_ND: npt.NDArray[np.float32]) -> _Doubles:
        """The features, scaled."""
        scaled_ND: _Doubles = (features_ND - self.mean_D) * self.factor
        return scaled_ND

    @torch.no_grad()
    def fold(self, layer: nn.Linear) -> None:
        """Make a layer of scaled features one of features as they are."""
        weight_HD = layer.weight.double().numpy() * self.factor
        layer.weight.copy_(torch.from_numpy(weight_HD))
        layer.bias.sub_(torch.from_numpy(weight_HD @ self.mean_D))
