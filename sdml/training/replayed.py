"""A training step that the host says once: recorded on fixed memory, then replayed.

On a GPU a step is some hundred small kernels, and starting each of them from Python takes longer
than running it. A CUDA graph starts all of them at once. It always reads and writes the same
memory, so a batch is first copied to where the recorded step reads it. The first steps run as they
are, on a stream beside, for libraries to make their choices; a batch of another size, as the last
of an epoch may be, runs as it is every time. All of them are steps of the same training.

Only the recording is CUDA's own: on the CPU a "recorded" step is the function itself on the same
fixed memory, by which tests compare it with plain steps.

Letters: D features, C classes, B samples in a batch.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

logger = logging.getLogger(__name__)

Step = Callable[[Tensor, Tensor], Tensor]
Recorded = Callable[[], Tensor]

_PLAIN = 3  # steps before the recording


class ReplayedStep:
    """A step, with the arguments and the result of the one that it stands for."""

    def __init__(self, step: Step, device: torch.device) -> None:
        """Nothing is recorded yet.

        Args:
            step: from (features_BD, targets_BC) to losses, without looking at a number on the
                host. It may change what lives as long as it does, in place.
            device: of both.
        """
        self._step = step
        self._device = device
        self._count = 0
        self._read: tuple[Tensor, Tensor] | None = None
        self._recorded: Recorded | None = None

    def __call__(self, features_BD: Tensor, targets_BC: Tensor) -> Tensor:
        """One step; returns its losses, which later steps do not overwrite."""
        if self._count < _PLAIN:
            self._count += 1
            with beside(self._device):
                return self._step(features_BD, targets_BC)
        if self._read is None:
            self._read = torch.empty_like(features_BD), torch.empty_like(targets_BC)
        fixed_BD, fixed_BC = self._read
        if features_BD.shape != fixed_BD.shape:
            return self._step(features_BD, targets_BC)
        fixed_BD.copy_(features_BD)
        fixed_BC.copy_(targets_BC)
        if self._recorded is None:
            self._recorded = record(lambda: self._step(fixed_BD, fixed_BC), self._device)
        return self._recorded().clone()


def record(work: Callable[[], Tensor], device: torch.device) -> Recorded:
    """How to repeat some work; it is not done now. The next repetition overwrites the result."""
    if device.type != "cuda":
        return work
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.device(device), torch.cuda.graph(graph):
        result = work()
    logger.debug("the training step was recorded as a CUDA graph")

    def replay() -> Tensor:
        graph.replay()
        return result

    return replay


@contextmanager
def beside(device: torch.device) -> Iterator[None]:
    """On a GPU, a stream of its own between what came before and what comes after."""
    if device.type != "cuda":
        yield
        return
    stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        yield
    torch.cuda.current_stream(device).wait_stream(stream)
