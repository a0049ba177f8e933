"""One modality's networks and their optimiser: a step, a validation, and the state of both.

For the methods ``sdml`` and ``classifier``. As in the released code: Adam over encoder and decoder
together.

Letters: N samples, D features, K code size, C classes, B samples in a batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from sdml.experiment import TrainingSettings
from sdml.networks import Decoder, Encoder
from sdml.objectives import (
    Losses,
    reconstruction_loss,
    weighted,
)
from sdml.training.layers import ProductLinear, UpdatedLinear
from sdml.training.optimised import Arrays, Optimised, copied
from sdml.training.products import Bf16, Fp32
from sdml.training.replayed import ReplayedStep, Step
from sdml.training.supervision import Supervision


class Learner(Optimised):
    """Encoder, decoder and Adam on one ``device``.

    Initial values depend on ``settings.seed`` and the shapes only.
    """

    _alone = True  # no other process has a part of the gradients

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
        self._supervised = Supervision(projection_KC, settings, device)
        # without weight on the reconstruction the decoder is not trained, only measured
        self._decoding = settings.lambda_ > 0
        trained = dict(self.encoder.named_parameters(prefix="encoder"))
        if self._decoding:
            trained.update(self.decoder.named_parameters(prefix="decoder"))
        self._optimise(trained, settings)
        self._in_place = self._alone and device.type == "cpu"
        self._layers = self._own_layers()
        self._step: Step = self._plain_step
        if device.type == "cuda" and self._alone:
            self._step = ReplayedStep(self._plain_step, device)

    def step(self, features_BD: Tensor, targets_BC: Tensor) -> Tensor:
        """See :meth:`Optimised.step`."""
        return self._step(features_BD, targets_BC)

    def _plain_step(self, features_BD: Tensor, targets_BC: Tensor) -> Tensor:
        """A step as autograd makes it, but for what the layers do themselves."""
        losses = self._forward(features_BD, targets_BC)
        if self._in_place:
            losses.total.backward()  # type: ignore[no-untyped-call]
        else:
            self._advance(losses.total)
        return torch.stack(losses).detach()

    @torch.no_grad()
    def measure(self, blocks: Iterable[tuple[Tensor, Tensor]]) -> Tensor:
        """See :meth:`Optimised.measure`."""
        codes, targets, reconstructions, rows = [], [], [], []
        for features_BD, targets_BC in blocks:
            codes_BK = self.encoder(features_BD)
            losses = self._losses(codes_BK, self.decoder(codes_BK), features_BD, targets_BC)
            codes.append(codes_BK)
            targets.append(targets_BC)
            reconstructions.append(losses.reconstruction)
            rows.append(len(features_BD))
        supervised = self._supervised(
            torch.cat(codes), torch.cat(targets), multi_label=self.multi_label
        )
        shares = torch.tensor(rows, device=supervised.device) / sum(rows)
        reconstruction = (torch.stack(reconstructions) * shares).sum()
        return torch.stack(weighted(reconstruction, supervised, self._settings.lambda_))

    def posterior(self, features_BD: Tensor) -> Tensor:
        """Of each class, (B, C)."""
        return self._supervised.posterior(self.encoder(features_BD))

    def load(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """See :meth:`Optimised.load`."""
        super().load(state)
        for layer in self._layers.values():
            layer.renew()

    def encoder_state(self) -> Arrays:
        """A copy of the encoder's parameters."""
        return copied(self.encoder)

    def _forward(self, features_BD: Tensor, targets_BC: Tensor) -> Losses:
        """The losses of a batch, ready to be differentiated."""
        codes_BK = self.encoder(features_BD, self._apply)
        with torch.set_grad_enabled(self._decoding):
            reconstruction_BD = self.decoder(codes_BK, self._apply)
        return self._losses(codes_BK, reconstruction_BD, features_BD, targets_BC)

    def _own_layers(self) -> dict[nn.Linear, ProductLinear]:
        """What the linear layers are in a training step, where that is not themselves."""
        bf16 = self._settings.precision == "bf16"
        if not (self._in_place or bf16):
            return {}
        products = Bf16() if bf16 else Fp32()
        layers: dict[nn.Linear, ProductLinear] = {}
        for network in (self.encoder, self.decoder):
            for linear in network.linears():
                moments = self._moments_of(linear) if self._in_place else None
                layers[linear] = (
                    UpdatedLinear(linear, products, moments, self._constants)
                    if moments
                    else ProductLinear(linear, products)
                )
        return layers

    def _apply(self, linear: nn.Linear, rows_ND: Tensor) -> Tensor:
        rows_NO: Tensor = self._layers.get(linear, linear)(rows_ND)
        return rows_NO

    def _losses(
        self, codes_BK: Tensor, reconstruction_BD: Tensor, features_BD: Tensor, targets_BC: Tensor
    ) -> Losses:
        reconstruction = reconstruction_loss(
            reconstruction_BD,
            features_BD,
            squared=self._settings.squared,
            normalize_target=self._settings.normalize_target,
        )
        supervised = self._supervised(codes_BK, targets_BC, multi_label=self.multi_label)
        return weighted(reconstruction, supervised, self._settings.lambda_)
