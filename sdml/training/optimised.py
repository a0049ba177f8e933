"""What the loop trains: something with a step, a measure, and a state that can be kept.

One class for each method stands on this one. Parameters are trained by Adam, whose update is one
fused pass over memory; the losses stay on the device until somebody reads them.

Letters: D features, C classes, B samples in a batch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from sdml.experiment import TrainingSettings
from sdml.training.layers import Adam, Moments

Arrays = dict[str, npt.NDArray[Any]]

_EPS = 1e-8  # Adam's, as torch has it


class Optimised(ABC):
    """Parameters by name, and Adam, on one ``device``.

    Attributes:
        device: where they live.
        epoch: that the next step or measure belongs to, from 1; the loop says it.
        batch: of that epoch, from 0; likewise.
        multi_label: whether samples may have several labels; likewise.
    """

    device: torch.device
    epoch = 1
    batch = 0
    multi_label = False

    def _optimise(self, trained: Mapping[str, nn.Parameter], settings: TrainingSettings) -> None:
        """Say which parameters are trained; ``settings`` have Adam's."""
        self._trained = dict(trained)
        self._constants = Adam(settings.learning_rate, *settings.betas, settings.weight_decay, _EPS)
        self._moments = {
            parameter: Moments(
                torch.zeros((), device=parameter.device),
                torch.zeros_like(parameter.detach()),
                torch.zeros_like(parameter.detach()),
            )
            for parameter in self._trained.values()
        }

    @cached_property
    def _adam(self) -> torch.optim.Adam:
        """torch's optimiser, on our moments: made when it is first used, for torch then imports
        its compiler, which takes longer than many a first step.
        """
        constants = self._constants
        adam = torch.optim.Adam(
            self._trained.values(),
            lr=constants.lr,
            betas=(constants.beta1, constants.beta2),
            weight_decay=constants.weight_decay,
            eps=constants.eps,
            fused=True,
        )
        for parameter, moments in self._moments.items():
            adam.state[parameter] = moments._asdict()
        return adam

    @abstractmethod
    def step(self, features_BD: Tensor, targets_BC: Tensor) -> Tensor:
        """One step of Adam; returns the losses before it, as :meth:`measure` does."""

    @abstractmethod
    def measure(self, blocks: Iterable[tuple[Tensor, Tensor]]) -> Tensor:
        """(total, reconstruction, supervised) over all samples of a split, on the device."""

    @abstractmethod
    def encoder_state(self) -> Arrays:
        """A copy of the parameters that are the training's result."""

    def _advance(self, loss: Tensor) -> None:
        """Adam's step on the gradients of a loss."""
        self._adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        (group,) = self._adam.param_groups
        group["capturable"] = (
            self.device.type == "cuda" and torch.cuda.is_current_stream_capturing()
        )
        self._adam.step()

    def state(self) -> Arrays:
        """Everything that later steps depend on, for :meth:`load`; shares memory on the CPU."""
        return {name: tensor.cpu().numpy() for name, tensor in self._tensors().items()}

    def load(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Continue from what :meth:`state` returned.

        Raises:
            KeyError: an array is missing.
            ValueError: an array has another shape or type. Nothing was changed.
        """
        tensors = self._tensors()
        for name, tensor in tensors.items():
            array = state[name]
            shape = tuple(tensor.shape) or (1,)  # files have no scalars
            if np.atleast_1d(array).shape != shape or array.dtype != np.float32:
                raise ValueError(f"{name} is {array.dtype} of shape {array.shape}")
        for name, tensor in tensors.items():
            tensor.copy_(torch.from_numpy(state[name].copy()).view_as(tensor))

    def _moments_of(self, linear: nn.Linear) -> dict[str, Moments] | None:
        """Adam's memory of a layer's parameters by name; None if the layer is not trained."""
        named = dict(linear.named_parameters())
        if not all(parameter in self._moments for parameter in named.values()):
            return None
        return {name: self._moments[parameter] for name, parameter in named.items()}

    def _tensors(self) -> dict[str, Tensor]:
        """Everything that a step changes, by the names that :meth:`state` has."""
        tensors: dict[str, Tensor] = {}
        for name, parameter in self._trained.items():
            moments = self._moments[parameter]._asdict()
            tensors[name] = parameter.detach()
            tensors |= {f"{moment}.{name}": moments[moment] for moment in ("exp_avg", "exp_avg_sq")}
            tensors[f"step.{name}"] = moments["step"]
        return tensors


def copied(network: nn.Module) -> Arrays:
    """A copy of a network's parameters by name."""
    return {name: value.detach().cpu().numpy().copy() for name, value in network.named_parameters()}
