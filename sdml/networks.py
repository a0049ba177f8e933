"""Encoder and decoder of one modality: three linear layers with ReLU between them.

SDML, section 4.1, and the class that the released code uses for both: Linear-ReLU-Linear-ReLU-
Linear, then each row divided by its L2 norm, PyTorch's default initial values, no dropout and no
batch norm. It differs in two ways:

- the initial values come from a given generator, so a modality's weights depend on its seed only;
- a row without length becomes a zero row that passes no gradient; the released code makes it NaN.

Letters: N samples, D inputs, O outputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

Apply = Callable[[nn.Linear, Tensor], Tensor]

_SHORTEST = 1e-12  # a row below this length has no direction


class _Perceptron(nn.Module):
    """Linear layers with ReLU between them; parameters ``hidden.<i>.weight`` to ``output.bias``.

    Args:
        input_dim: D.
        hidden: widths of the layers between.
        output_dim: O.
        normalize: divide each output row by its L2 norm.
        output_relu: ReLU on the last layer, as the paper has on the decoder and the code has not.
        plain_output: DRCL's last layer: without bias, its weights drawn within ±1/√D of the whole
            network's D, not of the layer's.
        generator: where the initial values are drawn from, layer by layer, weight then bias.
    """

    def __init__(
        self,
        input_dim: int,
        hidden: Sequence[int],
        output_dim: int,
        *,
        normalize: bool,
        output_relu: bool = False,
        plain_output: bool = False,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        widths = [input_dim, *hidden, output_dim]
        *hidden_pairs, output_pair = pairwise(widths)
        self.hidden = nn.ModuleList(linear(*pair, generator) for pair in hidden_pairs)
        bound = 1 / math.sqrt(input_dim) if plain_output else None
        self.output = linear(*output_pair, generator, bias=not plain_output, bound=bound)
        self._normalize = normalize
        self._output_relu = output_relu

    def forward(self, rows_ND: Tensor, apply: Apply | None = None) -> Tensor:
        """(N, D) to (N, O).

        Args:
            rows_ND: float32.
            apply: how a linear layer is applied to its rows, instead of by being called.
        """
        apply = apply or _call
        *hidden, output = self.linears()
        for layer in hidden:
            rows_ND = apply(layer, rows_ND).relu()
        rows_NO = apply(output, rows_ND)
        if self._output_relu:
            rows_NO = rows_NO.relu()
        return unit_rows(rows_NO) if self._normalize else rows_NO

    def linears(self) -> list[nn.Linear]:
        """The linear layers, from the input to the output."""
        return [*cast(Iterable[nn.Linear], self.hidden), self.output]


class Encoder(_Perceptron):
    """f: features (N, D) to codes (N, K)."""


class Decoder(_Perceptron):
    """g: codes (N, K) to reconstructions (N, D); ``hidden`` runs from the code outwards."""


def _call(layer: nn.Linear, rows_ND: Tensor) -> Tensor:
    rows_NO: Tensor = layer(rows_ND)
    return rows_NO


def unit_rows(rows_NO: Tensor) -> Tensor:
    """Each row divided by its L2 norm; a row without length gives zeros and a zero gradient."""
    norms_N1 = torch.linalg.vector_norm(rows_NO, dim=1, keepdim=True)
    divisors_N1 = norms_N1.masked_fill(norms_N1 <= _SHORTEST, torch.inf)
    unit_NO: Tensor = rows_NO / divisors_N1
    return unit_NO


class _Unset(nn.Linear):
    """Built without values: the default ones would come from the global generator."""

    def reset_parameters(self) -> None:
        """Not here."""


def linear(
    input_dim: int,
    output_dim: int,
    generator: torch.Generator,
    *,
    bias: bool = True,
    bound: float | None = None,
) -> nn.Linear:
    """A linear layer, uniform within ±bound; PyTorch's default, ±1/√D, if that is None."""
    layer = _Unset(input_dim, output_dim, bias=bias)
    limit = 1 / math.sqrt(input_dim) if bound is None else bound
    for parameter in layer.parameters():  # weight, then bias
        nn.init.uniform_(parameter, -limit, limit, generator=generator)
    return layer
