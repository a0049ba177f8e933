"""The matrix products of a linear layer y = xWᵀ + b, forward and backward, by precision.

They are nearly all that a training step costs. With ``fp32`` they are torch's own products, so
losses drift from the released code's no further than torch's fused Adam makes them. (oneDNN's
float32 products make a step 4 to 8 % faster on an AMD processor, but round otherwise, and Adam,
which steps by the sign of a gradient however small, made up to 2e-4 of that within 100 steps.)
With ``bf16`` the factors of a product are rounded to bfloat16 and its sums kept in float32, but
for a last rounding of the result; whatever is not a product (bias, activations, losses, Adam, the
weights themselves) stays float32.

Letters: B samples in a batch, D inputs, O outputs; R of the O rows of a weight's gradient.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

_COLUMNS = 512  # of a wide output at a time, so that a product's parts stay in the cache


class Products(ABC):
    """One precision. Arguments and results are float32 but for what :meth:`taken` returns."""

    @abstractmethod
    def taken(self, values: Tensor) -> Tensor:
        """Values as factors of a product; may share their memory."""

    @abstractmethod
    def forward(self, rows_BD: Tensor, weight_OD: Tensor, bias_O: Tensor) -> Tensor:
        """xWᵀ + b (B, O); x and W as taken."""

    @abstractmethod
    def of_rows(self, gradient_BO: Tensor, weight_OD: Tensor) -> Tensor:
        """The gradient of x (B, D) from that of y; both as taken."""

    @abstractmethod
    def of_weight(self, gradient_BR: Tensor, rows_BD: Tensor, out_RD: Tensor) -> None:
        """Put rows of W's gradient into ``out_RD``, from these columns of y's; both as taken."""


class Fp32(Products):
    """float32 throughout."""

    def taken(self, values: Tensor) -> Tensor:
        """The values themselves."""
        return values

    def forward(self, rows_BD: Tensor, weight_OD: Tensor, bias_O: Tensor) -> Tensor:
        """See :meth:`Products.forward`."""
        size = _COLUMNS * torch.get_num_threads()
        if len(weight_OD) <= 2 * size:
            return torch.addmm(bias_O, rows_BD, weight_OD.t())
        made_BO = rows_BD.new_empty(len(rows_BD), len(weight_OD))
        parts = (torch.split(each, size) for each in (bias_O, weight_OD))
        for bias, weight, made in zip(*parts, torch.split(made_BO, size, 1), strict=True):
            torch.addmm(bias, rows_BD, weight.t(), out=made)
        return made_BO

    def of_rows(self, gradient_BO: Tensor, weight_OD: Tensor) -> Tensor:
        """See :meth:`Products.of_rows`."""
        return torch.mm(gradient_BO, weight_OD)

    def of_weight(self, gradient_BR: Tensor, rows_BD: Tensor, out_RD: Tensor) -> None:
        """See :meth:`Products.of_weight`."""
        torch.mm(gradient_BR.t(), rows_BD, out=out_RD)


class Bf16(Products):
    """bfloat16 factors."""

    def taken(self, values: Tensor) -> Tensor:
        """Rounded."""
        return values.bfloat16()

    def forward(self, rows_BD: Tensor, weight_OD: Tensor, bias_O: Tensor) -> Tensor:
        """See :meth:`Products.forward`."""
        return torch.mm(rows_BD, weight_OD.t()).float().add_(bias_O)

    def of_rows(self, gradient_BO: Tensor, weight_OD: Tensor) -> Tensor:
        """See :meth:`Products.of_rows`."""
        return torch.mm(gradient_BO, weight_OD).float()

    def of_weight(self, gradient_BR: Tensor, rows_BD: Tensor, out_RD: Tensor) -> None:
        """See :meth:`Products.of_weight`."""
        out_RD.copy_(torch.mm(gradient_BR.t(), rows_BD))
