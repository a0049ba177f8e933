"""Adam for stacks of parameters whose settings may have learning rates of their own.

torch's fused Adam takes one learning rate a group of tensors. Neighbours with equal settings are
one tensor of such a group, a view into the stack; so a sweep over λ or seeds is one group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from sdml.experiment import TrainingSettings
from sdml.training.optimised import Arrays

_MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass(frozen=True)
class _Run:
    """Neighbours in one stack that share Adam's settings."""

    stack: str
    settings: slice
    parameter: Tensor

    @property
    def name(self) -> str:
        return f"{self.stack}.{self.settings.start}"


class BatchedAdam:
    """Adam's moments, and its step, for every setting that trains a stack."""

    def __init__(
        self,
        stacks: Mapping[str, Tensor],
        settings: Sequence[TrainingSettings],
        trained: Mapping[str, Sequence[bool]],
    ) -> None:
        """Nothing is moved yet.

        Args:
            stacks: parameters by name, the settings along their first axis.
            settings: S of them.
            trained: for each stack, which of the settings change it.
        """
        self._stacks = dict(stacks)
        self._runs: list[_Run] = []
        groups: dict[tuple[Any, ...], list[Tensor]] = {}
        hyper = [(each.learning_rate, each.betas, each.weight_decay) for each in settings]
        for name, stack in self._stacks.items():
            keys = list(zip(hyper, trained[name], strict=True))
            for (key, moved), members in groupby(range(len(settings)), key=keys.__getitem__):
                found = list(members)
                if moved:
                    run = slice(found[0], found[-1] + 1)
                    self._runs.append(_Run(name, run, stack.detach()[run]))
                    groups.setdefault(key, []).append(self._runs[-1].parameter)
        self._adam = torch.optim.Adam(
            [
                {"params": tensors, "lr": rate, "betas": betas, "weight_decay": decay}
                for (rate, betas, decay), tensors in groups.items()
            ],
            fused=True,
        )

    def step(self, total: Tensor) -> None:
        """One step down a loss that is the sum of all settings' losses."""
        moved = {run.stack: self._stacks[run.stack] for run in self._runs}
        gradients = torch.autograd.grad(total, list(moved.values()))
        by_stack = dict(zip(moved, gradients, strict=True))
        for run in self._runs:
            run.parameter.grad = by_stack[run.stack][run.settings]
        capturing = total.device.type == "cuda" and torch.cuda.is_current_stream_capturing()
        for group in self._adam.param_groups:
            group["capturable"] = capturing
        self._adam.step()
        self._adam.zero_grad()  # lets go of the gradients' memory

    def state(self) -> Arrays:
        """Parameters and moments, for :meth:`load`; shares memory on the CPU."""
        tensors: dict[str, Tensor] = {}
        for run in self._runs:
            adam = self._adam.state[run.parameter]
            tensors[run.name] = run.parameter
            tensors |= {f"{moment}.{run.name}": adam[moment] for moment in _MOMENTS}
            tensors[f"step.{run.name}"] = adam["step"]
        return {name: tensor.cpu().numpy() for name, tensor in tensors.items()}

    def load(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Continue from what :meth:`state` returned for the same settings.

        Raises:
            KeyError: an array is missing.
            ValueError: an array has another shape or type. Nothing was changed.
        """
        tensors = {name: torch.from_numpy(array.copy()) for name, array in state.items()}
        numbers = self._numbers()
        adam = self._adam.state_dict()
        for run in self._runs:
            moments = {moment: tensors[f"{moment}.{run.name}"] for moment in _MOMENTS}
            for tensor in (tensors[run.name], *moments.values()):
                if (tensor.shape, tensor.dtype) != (run.parameter.shape, run.parameter.dtype):
                    raise ValueError(f"{run.name} is {tensor.dtype} of {tuple(tensor.shape)}")
            step = tensors[f"step.{run.name}"]
            adam["state"][numbers[id(run.parameter)]] = {**moments, "step": step}
        for run in self._runs:
            run.parameter.copy_(tensors[run.name])
        self._adam.load_state_dict(adam)

    def _numbers(self) -> dict[int, int]:
        """Where each parameter stands in the optimiser's own order, group by group."""
        ordered = [p for group in self._adam.param_groups for p in group["params"]]
        return {id(parameter): number for number, parameter in enumerate(ordered)}
