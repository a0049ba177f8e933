"""The released SDML training of one modality, restated as plainly as possible.

Stock modules, per-parameter Adam, a numpy permutation, boolean indexing of labelled samples,
a loss read after every step: the released code's way, on whatever device its tensors are.
Written from its description, for comparison only; it shares no code with ``sdml``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

Weights = Mapping[str, npt.NDArray[Any]]


class Network(nn.Module):
    """Linear-ReLU-…-Linear, then rows divided by their norm, without a guard."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for number in range(len(widths) - 1):
            layers += [nn.Linear(widths[number], widths[number + 1]), nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, rows: Tensor) -> Tensor:
        """(N, D) to (N, O)."""
        result: Tensor = self.layers(rows)
        norms: Tensor = result.norm(dim=1, keepdim=True)
        return result / norms

    def copy_from(self, weights: Weights) -> None:
        """Take initial values named ``hidden.<i>.weight`` to ``output.bias``."""
        linears = [layer for layer in self.layers if isinstance(layer, nn.Linear)]
        names = [f"hidden.{i}" for i in range(len(linears) - 1)] + ["output"]
        with torch.no_grad():
            for layer, name in zip(linears, names, strict=True):
                layer.weight.copy_(torch.from_numpy(weights[f"{name}.weight"]))
                layer.bias.copy_(torch.from_numpy(weights[f"{name}.bias"]))


class Reference:
    """Encoder, decoder and optimiser of one modality; ``fused`` rounds Adam in another way."""

    def __init__(
        self,
        features: int,
        projection: npt.NDArray[np.float32],
        *,
        hidden: Sequence[int],
        alpha: float,
        learning_rate: float,
        betas: tuple[float, float],
        encoder: Weights,
        decoder: Weights,
        fused: bool = False,
        device: str = "cpu",
    ) -> None:
        code = projection.shape[0]
        self.encoder = Network([features, *hidden, code])
        self.decoder = Network([code, *reversed(hidden), features])
        self.encoder.copy_from(encoder)
        self.decoder.copy_from(decoder)
        self.encoder.to(device)
        self.decoder.to(device)
        self.projection = torch.from_numpy(projection.copy()).to(device)
        self.alpha = alpha
        self.optimizer = torch.optim.Adam(
            [*self.encoder.parameters(), *self.decoder.parameters()],
            lr=learning_rate,
            betas=betas,
            foreach=False,
            fused=fused,
        )

    def step(self, features: npt.NDArray[np.float32], targets: npt.NDArray[np.float32]) -> float:
        """One step on one batch; returns its loss before the step."""
        x = torch.from_numpy(features).to(self.projection.device)
        y = torch.from_numpy(targets).to(self.projection.device)
        self.optimizer.zero_grad()
        code = self.encoder(x)
        reconstruction = self.decoder(code)
        labelled = y.sum(1) > 0
        rec = ((reconstruction - x) ** 2).sum(1).sqrt().mean()
        sup = ((code[labelled].mm(self.projection) - y[labelled]) ** 2).sum(1).sqrt().mean()
        loss = self.alpha * rec + (1 - self.alpha) * sup
        loss.backward()
        self.optimizer.step()
        return float(loss.item())
