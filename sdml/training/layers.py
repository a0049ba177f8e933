"""Linear layers that are updated while the backward pass goes through them.

Autograd would make the gradient of every weight, all of them as large as the network, and Adam
would then read them again. Here a layer's backward pass makes some rows of its weight's gradient,
and Adam moves those rows at once, while they are in the cache; no gradient is kept. Numbers are
those of autograd and of torch's fused Adam, whose kernel this calls for some rows at a time.

Everything else (activations, norms, losses) stays with autograd.

Letters: B samples in a batch, D inputs, O outputs; R of the O rows of a weight.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from sdml.training.products import Products

_ROWS = 256  # of a weight at a time
_BYTES = 1 << 22  # and their gradient's size at most


Gradients = tuple[Tensor | None, Tensor | None, Tensor | None]


class Moments(NamedTuple):
    """Adam's memory of one parameter: how many steps, and the two moments, in place."""

    step: Tensor
    exp_avg: Tensor
    exp_avg_sq: Tensor


class Adam(NamedTuple):
    """Adam's constants."""

    learning_rate: float
    betas: tuple[float, float]
    weight_decay: float
    eps: float

    def move(self, values: Tensor, gradient: Tensor, moments: Moments) -> None:
        """One step, in place, with torch's fused kernel; the number of steps is counted before."""
        torch._fused_adam_(
            [values],
            [gradient],
            [moments.exp_avg],
            [moments.exp_avg_sq],
            [],
            [moments.step],
            lr=self.learning_rate,
            beta1=self.betas[0],
            beta2=self.betas[1],
            weight_decay=self.weight_decay,
            eps=self.eps,
            amsgrad=False,
            maximize=False,
        )


class ProductLinear:
    """An ``nn.Linear`` in some precision; its gradients are autograd's to keep."""

    def __init__(self, linear: nn.Linear, products: Products) -> None:
        """Take a layer over.

        Args:
            linear: a layer with a bias.
            products: the precision.
        """
        self._parameters = linear.weight, linear.bias
        self._weight_OD, self._bias_O = linear.weight.detach(), linear.bias.detach()
        self._products = products

    def __call__(self, rows_BD: Tensor) -> Tensor:
        """(B, D) to (B, O)."""
        made: Tensor = _Product.apply(rows_BD, *self._parameters, self)  # type: ignore[no-untyped-call]
        return made

    def taken(self, values: Tensor) -> Tensor:
        """Values as factors of a product."""
        return self._products.taken(values)

    def forward(self, taken_BD: Tensor) -> Tensor:
        """xWᵀ + b."""
        return self._products.forward(taken_BD, self._factor(), self._bias_O)

    def backward(self, gradient_BO: Tensor, taken_BD: Tensor, *, passed: bool) -> Gradients:
        """Gradients of x, if it is passed on, of W and of b, where autograd has to keep them."""
        taken_BO = self.taken(gradient_BO)
        of_rows = self._products.of_rows(taken_BO, self._factor()) if passed else None
        of_weight_OD = torch.empty_like(self._weight_OD)
        self._products.of_weight(taken_BO, taken_BD, of_weight_OD)
        return of_rows, of_weight_OD, gradient_BO.sum(0)

    def renew(self) -> None:
        """Somebody else has changed the weight."""

    def _factor(self) -> Tensor:
        return self.taken(self._weight_OD)


class UpdatedLinear(ProductLinear):
    """An ``nn.Linear`` that moves its parameters, in place, in its backward pass."""

    def __init__(
        self, linear: nn.Linear, products: Products, moments: Mapping[str, Moments], adam: Adam
    ) -> None:
        """Take a layer over.

        Args:
            linear: a layer with a bias.
            products: the precision.
            moments: of its ``weight`` and ``bias``.
            adam: the step.
        """
        super().__init__(linear, products)
        self._adam = adam
        self._moments, self._moments_of_bias = moments["weight"], moments["bias"]
        outputs, inputs = self._weight_OD.shape
        size = min(outputs, max(16, min(_ROWS, _BYTES // (4 * inputs))))
        self._blocks = [slice(at, min(at + size, outputs)) for at in range(0, outputs, size)]
        self._gradient_RD = self._weight_OD.new_empty(size, inputs)
        self._kept_OD = self.taken(self._weight_OD)

    def backward(self, gradient_BO: Tensor, taken_BD: Tensor, *, passed: bool) -> Gradients:
        """See :meth:`ProductLinear.backward`: autograd has none to keep."""
        taken_BO = self.taken(gradient_BO)
        of_rows = self._products.of_rows(taken_BO, self._kept_OD) if passed else None
        step, *both = self._moments
        step += 1
        for rows in self._blocks:
            gradient_RD = self._gradient_RD[: rows.stop - rows.start]
            self._products.of_weight(taken_BO[:, rows], taken_BD, gradient_RD)
            moments = Moments(step, *(moment[rows] for moment in both))
            self._adam.move(self._weight_OD[rows], gradient_RD, moments)
            if self._kept_OD is not self._weight_OD:
                self._kept_OD[rows] = self._weight_OD[rows]
        self._moments_of_bias.step.add_(1)
        self._adam.move(self._bias_O, gradient_BO.sum(0), self._moments_of_bias)
        return of_rows, None, None

    def renew(self) -> None:
        """See :meth:`ProductLinear.renew`."""
        if self._kept_OD is not self._weight_OD:
            self._kept_OD.copy_(self._weight_OD)

    def _factor(self) -> Tensor:
        return self._kept_OD


class _Product(torch.autograd.Function):
    """The parameters are arguments so that autograd comes here for the first layer too."""

    @staticmethod
    def forward(
        ctx: Any, rows_BD: Tensor, _weight_OD: Tensor, _bias_O: Tensor, layer: ProductLinear
    ) -> Tensor:
        taken_BD = layer.taken(rows_BD)
        ctx.save_for_backward(taken_BD)
        ctx.layer = layer
        return layer.forward(taken_BD)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient_BO: Tensor) -> tuple[Tensor | None, ...]:
        (taken_BD,) = ctx.saved_tensors
        gradients = ctx.layer.backward(gradient_BO, taken_BD, passed=ctx.needs_input_grad[0])
        return *gradients, None
