"""The device that a training runs on, from its name in the experiment file."""

from __future__ import annotations

import torch

from sdml.errors import ExperimentError


def find_device(name: str, *, local_rank: int = 0, local_size: int = 1) -> torch.device:
    """The named device; ``auto`` is CUDA where there is one.

    Args:
        name: ``auto``, ``cpu``, ``cuda`` or ``cuda:<number>``.
        local_rank: which of the processes on this machine asks; each gets a GPU of its own.
        local_size: how many there are.

    Raises:
        ExperimentError: there is no such device, or it would be shared.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        if device.type == "cuda" and local_size > 1:
            if device.index is not None:
                raise ExperimentError(
                    f"training.device must be auto, cpu or cuda for {local_size} processes, which "
                    f"each take a GPU of their own, not {name!r}: leave out the number"
                )
            device = torch.device("cuda", local_rank)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # torch: no such name; not built with CUDA
        raise ExperimentError(_refusal(name, local_size)) from error
    return device


def _refusal(name: str, local_size: int) -> str:
    if local_size > 1 and torch.cuda.is_available():
        return (
            f"{local_size} processes on one machine need as many GPUs, but there are "
            f"{torch.cuda.device_count()}: start fewer, or ask for more GPUs"
        )
    return (
        f"training.device must be auto, cpu, cuda or cuda:<number> of a device that is here, "
        f"not {name!r}: choose another one"
    )
