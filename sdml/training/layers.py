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

    lr: float
    beta1: float
    beta2: float
    weight_decay: float
    eps: float


class _Rows:
    """Some rows of a parameter, with their moments and room for their gradient."""

    def __init__(self, values: Tensor, room: Tensor, moments: Moments, adam: Adam) -> None:
        self.values, self.gradient = values, room
        self._lists = [values], [room], [moments.exp_avg], [moments.exp_avg_sq]
        self._steps = [moments.step]
        self._adam = adam

    def move(self) -> None:
        """One step, in place, with torch's fused kernel; whoever calls has counted it."""
        values, gradients, means, means_of_squares = self._lists
        torch._fused_adam_(
            values,
            gradients,
            means,
            means_of_squares,
            [],
            self._steps,
            lr=self._adam.lr,
            beta1=self._adam.beta1,
            beta2=self._adam.beta2,
            weight_decay=self._adam.weight_decay,
            eps=self._adam.eps,
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
        self._steps = [moments["weight"].step, moments["bias"].step]
        outputs, inputs = self._weight_OD.shape
        cores = torch.get_num_threads()
        self._size = min(outputs, cores * max(16, min(_ROWS, _BYTES // (4 * inputs))))
        step, *both = moments["weight"]
        room_RD = self._weight_OD.new_empty(self._size, inputs)
        self._rows = [
            _Rows(values, room_RD[: len(values)], Moments(step, *mean), adam)
            for values, *mean in zip(
                *(torch.split(each, self._size) for each in (self._weight_OD, *both)), strict=True
            )
        ]
        self._bias = _Rows(self._bias_O, torch.empty_like(self._bias_O), moments["bias"], adam)
        self._kept_OD = self.taken(self._weight_OD)
        self._kept = torch.split(self._kept_OD, self._size)

    def backward(self, gradient_BO: Tensor, taken_BD: Tensor, *, passed: bool) -> Gradients:
        """See :meth:`ProductLinear.backward`: autograd has none to keep."""
        taken_BO = self.taken(gradient_BO)
        of_rows = self._products.of_rows(taken_BO, self._kept_OD) if passed else None
        for step in self._steps:
            step += 1
        for rows, kept, columns in zip(
            self._rows, self._kept, torch.split(taken_BO, self._size, 1), strict=True
        ):
            self._products.of_weight(columns, taken_BD, rows.gradient)
            rows.move()
            if self._kept_OD is not self._weight_OD:
                kept.copy_(rows.values)
        torch.sum(gradient_BO, 0, out=self._bias.gradient)
        self._bias.move()
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
