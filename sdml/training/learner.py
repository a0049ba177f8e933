"""One modality's networks and their optimiser: a step, a validation, and the state of both.

For the methods ``sdml`` and ``classifier``. As in the released code: Adam over encoder and decoder
together.

Letters: N samples, D features, K code size, C classes, B samples in a batch.
"""

from __future__ import annotations

import copy
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
    cross_entropies,
    reconstruction_loss,
    weighted,
)
from sdml.tensorfile import pack, unpack
from sdml.training.data import Samples
from sdml.training.layers import ProductLinear, UpdatedLinear
from sdml.training.optimised import Arrays, First, Optimised, copied
from sdml.training.products import Bf16, Fp32
from sdml.training.replayed import ReplayedStep, Step
from sdml.training.start import MOST_SAMPLES, start_from_ridge
from sdml.training.supervision import Supervision

_START = "start.losses"
_ERRORS = 2.0


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
        self._start_losses_N = torch.zeros(0, device=device)
        self._learning = torch.ones((), device=device)  # 0 in the first epoch after such a start
        self._closed_form = settings.start == "ridge" and settings.lambda_ < 1  # 1: without labels
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

    def begin(self, training: Samples, first: First) -> None:
        """See :meth:`Optimised.begin`."""
        if not self._closed_form:
            return

        def made() -> bytes:
            encoder = copy.deepcopy(self.encoder).cpu()
            start_from_ridge(
                encoder,
                *training.some(MOST_SAMPLES, seed=self._settings.seed),
                self._supervised.projection_KC.cpu().numpy(),
                temperature=self._supervised.temperature,
                seed=self._settings.seed,
            )
            return pack(copied(encoder), {})

        arrays, _ = unpack(first(made) or b"", "the start of a training")
        self.encoder.load_state_dict({name: torch.from_numpy(a) for name, a in arrays.items()})
        for layer in self._layers.values():
            layer.renew()

    def step(self, features_BD: Tensor, targets_BC: Tensor) -> Tensor:
        """See :meth:`Optimised.step`."""
        if self._closed_form:
            self._learning.fill_(0.0 if self._at_start else 1.0)
        return self._step(features_BD, targets_BC)

    def _plain_step(self, features_BD: Tensor, targets_BC: Tensor) -> Tensor:
        """A step as autograd makes it, but for what the layers do themselves."""
        losses = self._forward(features_BD, targets_BC)
        total = losses.total * self._learning if self._closed_form else losses.total
        if self._in_place:
            total.backward()  # type: ignore[no-untyped-call]
        else:
            self._advance(total)
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
        supervised = self._supervised(torch.cat(codes), torch.cat(targets))
        if self._closed_form:
            self._compare(torch.cat(codes), torch.cat(targets))
        shares = torch.tensor(rows, device=supervised.device) / sum(rows)
        reconstruction = (torch.stack(reconstructions) * shares).sum()
        return torch.stack(weighted(reconstruction, supervised, self._settings.lambda_))

    def posterior(self, features_BD: Tensor) -> Tensor:
        """See :meth:`Optimised.posterior`."""
        return self._supervised.posterior(self.encoder(features_BD))

    @property
    def _at_start(self) -> bool:
        """The first epoch changes nothing, so that a start in closed form can be selected."""
        return self._closed_form and self.epoch == 1

    def _compare(self, codes_NK: Tensor, targets_NC: Tensor) -> None:
        """Whether validation samples say, beyond chance, that training is better than the start.

        Of a few of them the best of many epochs looks better than the start even where it is much
        worse. So the mean gain in cross-entropy must be more than two of its standard errors.
        """
        losses_N = cross_entropies(
            codes_NK,
            self._supervised.projection_KC,
            targets_NC,
            temperature=self._supervised.temperature,
        )
        if self._at_start:
            self._start_losses_N = losses_N
            return
        gains_N = self._start_losses_N - losses_N
        error = gains_N.std(unbiased=False) / len(gains_N) ** 0.5
        self.convincing = bool(gains_N.mean() > _ERRORS * error)

    def state(self) -> Arrays:
        """See :meth:`Optimised.state`."""
        kept = {_START: self._start_losses_N.cpu().numpy()} if self._closed_form else {}
        return super().state() | kept

    def load(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """See :meth:`Optimised.load`."""
        start_N = torch.from_numpy(state[_START].copy()) if self._closed_form else None
        super().load(state)
        if start_N is not None:
            self._start_losses_N = start_N.to(self.device)
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
        supervised = self._supervised(codes_BK, targets_BC)
        return weighted(reconstruction, supervised, self._settings.lambda_)
