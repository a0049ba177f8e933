"""DCCAE: deep canonically correlated auto-encoders.

Wang, Arora, Livescu and Bilmes, On deep multi-view representation learning, ICML 2015, equation
(6): DCCA's objective plus λ times the reconstruction errors of both views from their outputs,
−corr + λ·Σ_v mean‖x − g_v(f_v(x))‖². Here the squared error is a mean over features too, so λ means
the same for any width. The rest is as in ``dcca``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from benchmarks.peers.dcca import DCCA, total_correlation
from benchmarks.peers.deep import Batch
from benchmarks.peers.networks import Towers
from benchmarks.peers.peer import Point, Task
from sdml.networks import Decoder


class Autoencoders(nn.Module):
    """Two towers and their mirror images."""

    def __init__(
        self, widths: Mapping[str, int], hidden: tuple[int, ...], code: int, generator: Any
    ) -> None:
        super().__init__()
        self.towers = Towers(widths, hidden, code, generator)
        self.decoders = nn.ModuleList(
            Decoder(code, hidden[::-1], width, normalize=False, generator=generator)
            for width in widths.values()
        )


@dataclass(frozen=True, kw_only=True)
class DCCAE(DCCA):
    """Grid: weight λ of reconstruction."""

    name: ClassVar[str] = "dccae"
    paper: ClassVar[str] = "Wang et al., ICML 2015"

    grid: tuple[Point, ...] = (
        {"lambda": 0.1, "ridge": 0.01},
        {"lambda": 1.0, "ridge": 0.01},
    )

    def build(self, task: Task, generator: torch.Generator) -> Any:
        """Two auto-encoders."""
        return Autoencoders(task.widths, self.hidden, self.code, generator)

    def towers(self, model: Any) -> Any:
        """The encoders."""
        return model.towers

    def loss(self, model: Any, batch: Batch) -> Tensor:
        """Minus the total correlation, plus the weighted reconstruction errors."""
        codes = [model.towers(name, x) for name, x in batch.features.items()]
        errors = [
            (decoder(code) - x).square().mean()
            for decoder, code, x in zip(model.decoders, codes, batch.features.values(), strict=True)
        ]
        correlation = total_correlation(codes[0], codes[1], batch.point["ridge"])
        return batch.point["lambda"] * torch.stack(errors).sum() - correlation
