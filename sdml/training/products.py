"""The matrix products of a linear layer y = xWᵀ + b, forward and backward, by precision.

They are nearly all that a training step costs. On x86 processors float32 products of few rows go
to oneDNN, where torch would call MKL: the same sums, on AMD processors 10 to 30 % sooner. With
``bf16`` the factors of a product are rounded to bfloat16 and its sums kept in float32, but for a
last rounding of the result; whatever is not a product (bias, activations, losses, Adam, the
weights themselves) stays float32.

Letters: B samples in a batch, D inputs, O outputs; R of the O rows of a weight's gradient.
"""

from __future__ import annotations

import platform
from abc import ABC, abstractmethod
from functools import cache
from typing import Any

import torch
from torch import Tensor


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
        return _linear(rows_BD, weight_OD, bias_O)

    def of_rows(self, gradient_BO: Tensor, weight_OD: Tensor) -> Tensor:
        """See :meth:`Products.of_rows`."""
        return _linear(gradient_BO, weight_OD.t(), None)

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


def _linear(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """torch's linear, by oneDNN where that is better."""
    onednn = _onednn()
    if onednn is None or rows.device.type != "cpu":
        return torch.nn.functional.linear(rows, weight, bias)
    product: Tensor = onednn(rows, weight, bias, "none", [], "")
    return product


@cache
def _onednn() -> Any:
    """torch's operator for a linear layer in oneDNN (the one its compiler uses), or None."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return None
    return getattr(torch.ops.mkldnn, "_linear_pointwise", None)
