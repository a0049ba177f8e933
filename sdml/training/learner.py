"""One modality's networks and their optimiser: a step, a validation, and the state of both.

As in the released code: Adam over encoder and decoder together. The step is written to be fast
without being another computation: Adam's update is one fused pass over memory, and the losses
stay on the device until somebody reads them.

Letters: N samples, D features, K code size, C classes, B samples in a batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sdml.experiment import TrainingSettings
from sdml.networks import Decoder, Encoder
from sdml.objectives import (
    Losses,
    classifier_loss,
    reconstruction_loss,
    supervised_loss,
    weighted,
)
from sdml.retrieval.similarity import default_temperature
from sdml.subspace import orthonormal_columns

Arrays = dict[str, npt.NDArray[Any]]

_MOMENTS = ("exp_avg", "exp_avg_sq")


class Learner:
    """Encoder, decoder and Adam on one ``device``.

    Initial values depend on ``settings.seed`` and the shapes only.
    """

    def __init__(
        self,
        features: int,
        projection_KC: npt.NDArray[np.float32],
        settings: TrainingSettings,
        device: torch.device,
    ) -> None:
        """Make the networks.

        Args:
            features: D.
            projection_KC: P, float32.
            settings: of the modality.
            device: where the networks live.
        """
        generator = torch.Generator().manual_seed(settings.seed)
        code = projection_KC.shape[0]
        self.encoder = Encoder(
            features,
            settings.hidden,
            code,
            normalize=settings.normalize_code,
            generator=generator,
        ).to(device)
        self.decoder = Decoder(
            code,
            settings.hidden[::-1],
            features,
            normalize=settings.normalize_reconstruction,
            output_relu=settings.decoder_output_relu,
            generator=generator,
        ).to(device)
        self.device = device
        self._settings = settings
        self._projection_KC = torch.from_numpy(projection_KC.copy()).to(device)
        self._gram_CC = (
            None
            if orthonormal_columns(projection_KC)
            else self._projection_KC.T @ self._projection_KC
        )
        self._temperature = default_temperature(projection_KC.shape[1])
        # without weight on the reconstruction the decoder is not trained, only measured
        self._decoding = settings.lambda_ > 0
        self._trained = dict(self.encoder.named_parameters(prefix="encoder"))
        if self._decoding:
            self._trained.update(self.decoder.named_parameters(prefix="decoder"))
        self._adam = torch.optim.Adam(
            self._trained.values(),
            lr=settings.learning_rate,
            betas=settings.betas,
            weight_decay=settings.weight_decay,
            fused=True,
        )

    def step(self, features_BD: Tensor, targets_BC: Tensor) -> Tensor:
        """One step of Adam; returns the losses before it, as :meth:`measure` does."""
        losses = self._forward(features_BD, targets_BC)
        self._adam.zero_grad()
        losses.total.backward()  # type: ignore[no-untyped-call]
        self._adam.step()
        return torch.stack(losses).detach()

    @torch.no_grad()
    def measure(self, blocks: Iterable[tuple[Tensor, Tensor]]) -> Tensor:
        """(total, reconstruction, supervised) over all samples of a split, on the device."""
        codes, targets, reconstructions, rows = [], [], [], []
        for features_BD, targets_BC in blocks:
            codes_BK = self.encoder(features_BD)
            losses = self._losses(codes_BK, self.decoder(codes_BK), features_BD, targets_BC)
            codes.append(codes_BK)
            targets.append(targets_BC)
            reconstructions.append(losses.reconstruction)
            rows.append(len(features_BD))
        supervised = self._supervised(torch.cat(codes), torch.cat(targets))
        shares = torch.tensor(rows, device=supervised.device) / sum(rows)
        reconstruction = (torch.stack(reconstructions) * shares).sum()
        return torch.stack(weighted(reconstruction, supervised, self._settings.lambda_))

    def encoder_state(self) -> Arrays:
        """A copy of the encoder's parameters."""
        return {
            name: value.detach().cpu().numpy().copy()
            for name, value in self.encoder.named_parameters()
        }

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

    def _forward(self, features_BD: Tensor, targets_BC: Tensor) -> Losses:
        """The losses of a batch, ready to be differentiated."""
        codes_BK = self.encoder(features_BD)
        with torch.set_grad_enabled(self._decoding):
            reconstruction_BD = self.decoder(codes_BK)
        return self._losses(codes_BK, reconstruction_BD, features_BD, targets_BC)

    def _losses(
        self, codes_BK: Tensor, reconstruction_BD: Tensor, features_BD: Tensor, targets_BC: Tensor
    ) -> Losses:
        reconstruction = reconstruction_loss(
            reconstruction_BD,
            features_BD,
            squared=self._settings.squared,
            normalize_target=self._settings.normalize_target,
        )
        supervised = self._supervised(codes_BK, targets_BC)
        return weighted(reconstruction, supervised, self._settings.lambda_)

    def _supervised(self, codes_BK: Tensor, targets_BC: Tensor) -> Tensor:
        """The part that knows the labels: what the methods differ in."""
        if self._settings.method == "classifier":
            return classifier_loss(
                codes_BK, self._projection_KC, targets_BC, temperature=self._temperature
            )
        return supervised_loss(
            codes_BK,
            self._projection_KC,
            targets_BC,
            gram_CC=self._gram_CC,
            squared=self._settings.squared,
            label_count_normalised=self._settings.label_count_normalised,
        )
