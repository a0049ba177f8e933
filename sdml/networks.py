"""Encoder and decoder of one modality: three linear layers with ReLU between them.

SDML, section 4.1, and the class that the released code uses for both: Linear-ReLU-Linear-ReLU-
Linear, then each row divided by its L2 norm, PyTorch's default initial values, no dropout and no
batch norm. It differs in three ways:

- the initial values come from a given generator, so a modality's weights depend on its seed only;
- a row without length becomes a zero row that passes no gradient; the released code makes it NaN;
- on the CPU, matrix products are oneDNN's where torch has them: the same fp32 numbers to
  rounding, and on some processors faster by a sixth (benchmarks/training_speed.py).

Letters: N samples, D inputs, O outputs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

_SHORTEST = 1e-12  # a row below this length has no direction
_HAS_ONEDNN: bool = torch.backends.mkldnn.is_available() and hasattr(  # type: ignore[no-untyped-call]
    torch.ops.mkldnn, "_linear_pointwise"
)


class _Perceptron(nn.Module):
    """Linear layers with ReLU between them; parameters ``hidden.<i>.weight`` to ``output.bias``.

    Args:
        input_dim: D.
        hidden: widths of the layers between.
        output_dim: O.
        normalize: divide each output row by its L2 norm.
        output_relu: ReLU on the last layer, as the paper has on the decoder and the code has not.
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
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        widths = [input_dim, *hidden, output_dim]
        *hidden_pairs, output_pair = pairwise(widths)
        self.hidden = nn.Sequential(
            *(Affine(*pair, relu=True, generator=generator) for pair in hidden_pairs)
        )
        self.output = Affine(*output_pair, relu=output_relu, generator=generator)
        self._normalize = normalize

    def forward(self, rows_ND: Tensor) -> Tensor:
        """(N, D) to (N, O)."""
        rows_NO: Tensor = self.output(self.hidden(rows_ND))
        return unit_rows(rows_NO) if self._normalize else rows_NO


class Encoder(_Perceptron):
    """f: features (N, D) to codes (N, K)."""


class Decoder(_Perceptron):
    """g: codes (N, K) to reconstructions (N, D); ``hidden`` runs from the code outwards."""


def unit_rows(rows_NO: Tensor) -> Tensor:
    """Each row divided by its L2 norm; a row without length gives zeros and a zero gradient."""
    norms_N1 = torch.linalg.vector_norm(rows_NO, dim=1, keepdim=True)
    return rows_NO / torch.where(norms_N1 <= _SHORTEST, torch.inf, norms_N1)


class Affine(nn.Module):
    """``rows weightᵀ + bias``, through ReLU if asked; once differentiable.

    Initial values are PyTorch's defaults: uniform within ±1/√D.
    """

    def __init__(
        self, input_dim: int, output_dim: int, *, relu: bool, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(output_dim, input_dim))
        self.bias = nn.Parameter(torch.empty(output_dim))
        self._relu = relu
        bound = 1 / math.sqrt(input_dim)
        for parameter in (self.weight, self.bias):
            nn.init.uniform_(parameter, -bound, bound, generator=generator)

    def forward(self, rows_ND: Tensor) -> Tensor:
        """(N, D) to (N, O)."""
        result: Tensor = _Affine.apply(rows_ND, self.weight, self.bias, self._relu)  # type: ignore[no-untyped-call]
        return result


class _Affine(torch.autograd.Function):
    """The layer with its gradients written out, so that each product can be oneDNN's."""

    @staticmethod
    def forward(ctx: Any, rows_ND: Tensor, weight_OD: Tensor, bias_O: Tensor, relu: bool) -> Tensor:
        result_NO = _product(rows_ND, weight_OD, bias_O, relu=relu)
        ctx.save_for_backward(rows_ND, weight_OD, result_NO if relu else None)
        return result_NO

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient_NO: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None]:
        rows_ND, weight_OD, result_NO = ctx.saved_tensors
        if result_NO is not None:
            gradient_NO = torch.ops.aten.threshold_backward(gradient_NO, result_NO, 0)
        rows_gradient_ND = _product(gradient_NO, weight_OD.t()) if ctx.needs_input_grad[0] else None
        weight_gradient_OD = _product(gradient_NO.t(), rows_ND.t())
        return rows_gradient_ND, weight_gradient_OD, gradient_NO.sum(0), None


def _product(
    left: Tensor, right: Tensor, bias: Tensor | None = None, *, relu: bool = False
) -> Tensor:
    """``left rightᵀ + bias``, through ReLU if asked."""
    if _HAS_ONEDNN and left.device.type == "cpu" and left.dtype == torch.float32:
        # not with oneDNN's own ReLU, which turns NaN into 0
        result: Tensor = torch.ops.mkldnn._linear_pointwise(left, right, bias, "none", [], "")
    else:
        result = nn.functional.linear(left, right, bias)
    return result.relu_() if relu else result
