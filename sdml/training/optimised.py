"""What the loop trains: something with a step, a measure, and a state that can be kept.

One class for each method stands on this one. Parameters are trained by Adam, whose update is one
fused pass over memory; the losses stay on the device until somebody reads them.

Letters: D features, C classes, B samples in a batch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor, nn

from sdml.experiment import TrainingSettings
from sdml.training.data import Samples

Arrays = dict[str, npt.NDArray[Any]]
First = Callable[[Callable[[], bytes]], bytes | None]

_MOMENTS = ("exp_avg", "exp_avg_sq")


class Optimised(ABC):
    """Parameters by name, and Adam, on one ``device``.

    Attributes:
        device: where they live.
        epoch: that the next step or measure belongs to, from 1; the loop says it.
        batch: of that epoch, from 0; likewise.
        convincing: whether what was measured last may be selected by a validation loss.
    """

    device: torch.device
    epoch = 1
    batch = 0
    convincing = True

    def _optimise(self, trained: Mapping[str, nn.Parameter], settings: TrainingSettings) -> None:
        """Say which parameters are trained; ``settings`` have Adam's."""
        self._trained = dict(trained)
        self._adam = torch.optim.Adam(
            self._trained.values(),
            lr=settings.learning_rate,
            betas=settings.betas,
            weight_decay=settings.weight_decay,
            fused=True,
        )

    def begin(self, training: Samples, first: First) -> None:  # noqa: B027 - few have to
        """Before the first step of a training that is not resumed.

        Args:
            training: the split.
            first: hands everybody what a function returns on the first of several processes.
        """

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
        self._adam.step()

    def state(self) -> Arrays:
        """Everything that later steps depend on, for :meth:`load`; shares memory on the CPU."""
        tensors: dict[str, Tensor] = {}
        for name, parameter in self._trained.items():
            adam = self._adam.state[parameter]
            tensors[name] = parameter.detach()
            tensors |= {f"{moment}.{name}": adam[moment] for moment in _MOMENTS}
            tensors[f"step.{name}"] = adam["step"]
        return {name: tensor.cpu().numpy() for name, tensor in tensors.items()}

    def load(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Continue from what :meth:`state` returned.

        Raises:
            KeyError: an array is missing.
            ValueError: an array has another shape or type. Nothing was changed.
        """
        tensors = {name: torch.from_numpy(array.copy()) for name, array in state.items()}
        adam = self._adam.state_dict()
        for number, (name, parameter) in enumerate(self._trained.items()):
            moments = {moment: tensors[f"{moment}.{name}"] for moment in _MOMENTS}
            for tensor in (tensors[name], *moments.values()):
                if tensor.shape != parameter.shape or tensor.dtype != parameter.dtype:
                    raise ValueError(f"{name} is {tensor.dtype} of shape {tuple(tensor.shape)}")
            adam["state"][number] = {**moments, "step": tensors[f"step.{name}"]}
        with torch.no_grad():
            for name, parameter in self._trained.items():
                parameter.copy_(tensors[name])
        self._adam.load_state_dict(adam)


def copied(network: nn.Module) -> Arrays:
    """A copy of a network's parameters by name."""
    return {name: value.detach().cpu().numpy().copy() for name, value in network.named_parameters()}
