"""Networks of the deep methods: one tower for each modality, and what may stand on top of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from sdml.networks import Encoder, linear


class Towers(nn.Module):
    """Perceptrons of SDML's form, D-hidden-K with ReLU between, one for each modality.

    Args:
        widths: D of each modality.
        hidden: widths of the layers between.
        code: K.
        generator: where initial values are drawn from.
        shared_top: the last layer, hidden[-1] to K, is one for all modalities.
    """

    def __init__(
        self,
        widths: Mapping[str, int],
        hidden: Sequence[int],
        code: int,
        generator: torch.Generator,
        *,
        shared_top: bool = False,
    ) -> None:
        super().__init__()
        self._position = {name: index for index, name in enumerate(widths)}
        own, out = (hidden[:-1], hidden[-1]) if shared_top else (hidden, code)
        self.towers = nn.ModuleList(
            Encoder(width, own, out, normalize=False, generator=generator)
            for width in widths.values()
        )
        self.top = linear(out, code, generator) if shared_top else None

    def forward(self, modality: str, features_BD: Tensor) -> Tensor:
        """(B, D) of one modality to (B, K)."""
        rows: Tensor = self.towers[self._position[modality]](features_BD)
        if self.top is not None:
            rows = self.top(rows.relu())
        return rows


def reversed_gradient(rows_BK: Tensor, strength: float) -> Tensor:
    """The same values; the gradient is multiplied by −strength (Ganin and Lempitsky, 2015)."""
    return rows_BK.detach() * (1 + strength) - strength * rows_BK
