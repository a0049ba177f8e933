"""Features as the first layer sees them: centred and of one size, whatever their source's.

The mean of the training samples is taken off and one factor, the same for all features, brings
their root mean square to 1. A factor for each feature would blow up those that are nearly always
zero, of which bags of words and the last layers of convolutional networks are full.

Training sees scaled features; afterwards the scaling is folded into the first layer, so the encoder
takes features as they are and its file knows nothing of this.

Letters: N samples, D features, H width of the first layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

_ROWS = 1024
_Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Scaling:
    """(x − mean)·factor, with mean (D,)."""

    mean_D: _Doubles
    factor: float

    @classmethod
    def of(cls, features_ND: npt.NDArray[np.float32]) -> Scaling:
        """Fitted on training samples; in float64, by blocks of rows."""
        samples = len(features_ND)
        blocks = [slice(start, start + _ROWS) for start in range(0, samples, _ROWS)]
        mean_D = sum(features_ND[rows].sum(axis=0, dtype=np.float64) for rows in blocks) / samples
        squares = sum(float(np.square(features_ND[rows] - mean_D).sum()) for rows in blocks)
        size = float(np.sqrt(squares / features_ND.size))
        return cls(mean_D=np.asarray(mean_D), factor=1 / size if size > 0 else 1.0)

    def tensors(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Mean and factor for :func:`scaled`, float32."""
        mean_D = torch.from_numpy(self.mean_D.astype(np.float32)).to(device)
        return mean_D, torch.tensor(self.factor, dtype=torch.float32, device=device)

    def folded(self, encoder: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        """The encoder of scaled features as one of features as they are.

        Args:
            encoder: weights by parameter name.
        """
        layer = "hidden.0" if "hidden.0.weight" in encoder else "output"
        weight_HD = encoder[f"{layer}.weight"].astype(np.float64) * self.factor
        bias_H = encoder[f"{layer}.bias"].astype(np.float64) - weight_HD @ self.mean_D
        changed = {f"{layer}.weight": weight_HD, f"{layer}.bias": bias_H}
        return dict(encoder) | {n: array.astype(np.float32) for n, array in changed.items()}
