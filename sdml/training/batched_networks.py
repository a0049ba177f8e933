"""Networks of equal shapes as one: a product of the batch with each weight, in one call.

The same function as :mod:`sdml.networks` for each of them, but for the rounding of sums. Weights
stand input first, so that their gradients come out of a product as they lie in memory; PyTorch's
linear layers have them the other way round.

Letters: S settings, N samples, D inputs, O outputs.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sdml.networks import Decoder, Encoder, unit_rows
from sdml.training.optimised import Arrays

_WEIGHT = "weight"


class StackedNetwork:
    """S encoders, or S decoders.

    Attributes:
        stacks: by the parameter's name, weights (S, D, O) and biases (S, 1, O).
    """

    def __init__(
        self,
        networks: Sequence[Encoder] | Sequence[Decoder],
        *,
        normalize: bool,
        output_relu: bool = False,
        device: torch.device,
    ) -> None:
        """Stack the values of the networks' parameters.

        Args:
            networks: S of them; one that stands there twice is two with equal values.
            normalize: as they were made with.
            output_relu: likewise.
            device: where the stacks live.
        """
        named = [dict(network.named_parameters()) for network in networks]
        self.stacks = {
            name: torch.stack([_turned(name, each[name]) for each in named])
            .to(device)
            .requires_grad_()
            for name in named[0]
        }
        self._normalize = normalize
        self._output_relu = output_relu

    def __call__(self, rows_SND: Tensor) -> Tensor:
        """(S, N, D) to (S, N, O)."""
        layers = [name.removesuffix(f".{_WEIGHT}") for name in self.stacks if _WEIGHT in name]
        for layer in layers:
            bias_S1O, weight_SDO = self.stacks[f"{layer}.bias"], self.stacks[f"{layer}.{_WEIGHT}"]
            rows_SND = torch.baddbmm(bias_S1O, rows_SND, weight_SDO)
            if layer != layers[-1] or self._output_relu:
                rows_SND = rows_SND.relu()
        if not self._normalize:
            return rows_SND
        return unit_rows(rows_SND.flatten(0, 1)).view_as(rows_SND)

    def alone(self, setting: int) -> Arrays:
        """A copy of one network's parameters, as the network itself has them."""
        return {
            name: _turned(name, stack[setting].detach()).cpu().numpy().copy()
            for name, stack in self.stacks.items()
        }


def _turned(name: str, parameter: Tensor) -> Tensor:
    """A layer's weight (O, D) as (D, O) and back; a bias (O,) as (1, O) and back."""
    if name.endswith(_WEIGHT):
        return parameter.mT.contiguous()
    return parameter[None] if parameter.ndim == 1 else parameter[0]
