"""S settings of SDML or of the classifier as batched matrices: one product for all of them.

For a GPU, which a single network of this size leaves nearly idle; and for networks so small that
a CPU spends its time between the operations. Each setting has its own loss, and the gradient of
the sum of all losses is each one's own. What a setting becomes differs from what it becomes alone
by the rounding of sums only.

Letters: S settings, B samples in a batch, N samples, D features, K code size, C classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sdml.experiment import TrainingSettings
from sdml.networks import Decoder, Encoder
from sdml.objectives import Losses, reconstruction_loss
from sdml.training.batched_adam import BatchedAdam
from sdml.training.batched_learner import Batch, BatchedLearner, Blocks
from sdml.training.batched_networks import StackedNetwork
from sdml.training.optimised import Arrays
from sdml.training.replayed import ReplayedStep, Step
from sdml.training.supervision import Supervision


class StackedLearner(BatchedLearner):
    """Encoders, decoders and Adam; initial values of each setting as alone."""

    def __init__(
        self,
        features: int,
        projection_KC: npt.NDArray[np.float32],
        settings: Sequence[TrainingSettings],
        device: torch.device,
    ) -> None:
        """Make the networks.

        Args:
            features: D.
            projection_KC: P, float32.
            settings: S of them, with networks of equal shapes.
            device: where the networks live.
        """
        self.device = device
        self._settings = first = settings[0]  # for what all have in common
        by_seed = {s.seed: _networks(features, len(projection_KC), s) for s in settings}
        encoders, decoders = zip(*(by_seed[s.seed] for s in settings), strict=True)
        self._encoder = StackedNetwork(encoders, normalize=first.normalize_code, device=device)
        self._decoder = StackedNetwork(
            decoders,
            normalize=first.normalize_reconstruction,
            output_relu=first.decoder_output_relu,
            device=device,
        )
        self._supervised_alone = Supervision(projection_KC, first, device)
        lambdas = [s.lambda_ for s in settings]
        self._lambdas_S = torch.tensor(lambdas, device=device)
        self._others_S = torch.tensor([1 - lambda_ for lambda_ in lambdas], device=device)
        # as alone: without weight on the reconstruction a decoder is not trained, only measured
        decoding = [lambda_ > 0 for lambda_ in lambdas]
        self._decoding = any(decoding)
        encoder = {f"encoder.{name}": stack for name, stack in self._encoder.stacks.items()}
        decoder = {f"decoder.{name}": stack for name, stack in self._decoder.stacks.items()}
        trained = dict.fromkeys(encoder, [True] * len(lambdas)) | dict.fromkeys(decoder, decoding)
        self._adam = BatchedAdam(encoder | decoder, settings, trained)
        self._step: Step = self._plain_step
        if device.type == "cuda":
            self._step = ReplayedStep(self._plain_step, device)

    def step(self, batches: Sequence[Batch]) -> Tensor:
        """See :meth:`BatchedLearner.step`."""
        return self._step(*_together(batches))

    def _plain_step(self, features: Tensor, targets: Tensor) -> Tensor:
        codes_SBK = self._encoder(self._for_all(features))
        with torch.set_grad_enabled(self._decoding):
            reconstruction_SBD = self._decoder(codes_SBK)
        losses = self._losses(codes_SBK, reconstruction_SBD, features, targets)
        self._adam.step(losses.total.sum())
        return torch.stack(losses, dim=1).detach()

    @torch.no_grad()
    def measure(self, blocks: Blocks) -> Tensor:
        """See :meth:`BatchedLearner.measure`."""
        codes, targets, reconstructions, rows = [], [], [], []
        for features_BD, targets_BC in blocks():
            codes_SBK = self._encoder(self._for_all(features_BD))
            reconstruction_SBD = self._decoder(codes_SBK)
            made = self._losses(codes_SBK, reconstruction_SBD, features_BD, targets_BC)
            codes.append(codes_SBK)
            targets.append(targets_BC)
            reconstructions.append(made.reconstruction)
            rows.append(len(features_BD))
        supervised_S = self._supervised(torch.cat(codes, dim=1), torch.cat(targets))
        shares = torch.tensor(rows, device=self.device) / sum(rows)
        reconstruction_S = (torch.stack(reconstructions, dim=1) * shares).sum(1)
        return torch.stack(self._weighted(reconstruction_S, supervised_S), dim=1)

    def encoder_state(self, setting: int) -> Arrays:
        """See :meth:`BatchedLearner.encoder_state`."""
        return self._encoder.alone(setting)

    def state(self) -> Arrays:
        """See :meth:`BatchedLearner.state`."""
        return self._adam.state()

    def load(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """See :meth:`BatchedLearner.load`."""
        self._adam.load(state)

    def _for_all(self, features: Tensor) -> Tensor:
        """(B, D) as (S, B, D) without a copy; (S, B, D) as it is."""
        return features if features.ndim == 3 else features.expand(len(self._lambdas_S), -1, -1)

    def _losses(
        self, codes_SBK: Tensor, reconstruction_SBD: Tensor, features: Tensor, targets: Tensor
    ) -> Losses:
        """Each (S,); features and targets with or without an axis for the settings."""
        loss = partial(
            reconstruction_loss,
            squared=self._settings.squared,
            normalize_target=self._settings.normalize_target,
        )
        own = 0 if features.ndim == 3 else None
        reconstruction_S = torch.vmap(loss, in_dims=(0, own))(reconstruction_SBD, features)
        return self._weighted(reconstruction_S, self._supervised(codes_SBK, targets))

    def _supervised(self, codes_SBK: Tensor, targets: Tensor) -> Tensor:
        """The part that knows the labels: what the methods differ in."""
        own = 0 if targets.ndim == 3 else None
        loss = partial(self._supervised_alone, multi_label=self.multi_label)
        return torch.vmap(loss, in_dims=(0, own))(codes_SBK, targets)

    def _weighted(self, reconstruction_S: Tensor, supervised_S: Tensor) -> Losses:
        total_S = self._lambdas_S * reconstruction_S + self._others_S * supervised_S
        return Losses(total_S, reconstruction_S, supervised_S)


def _networks(features: int, code: int, settings: TrainingSettings) -> tuple[Encoder, Decoder]:
    """Initial values as of Learner: the encoder's are drawn first, then the decoder's."""
    generator = torch.Generator().manual_seed(settings.seed)
    encoder = Encoder(
        features, settings.hidden, code, normalize=settings.normalize_code, generator=generator
    )
    decoder = Decoder(
        code,
        settings.hidden[::-1],
        features,
        normalize=settings.normalize_reconstruction,
        generator=generator,
    )
    return encoder, decoder


def _together(batches: Sequence[Batch]) -> Batch:
    """The one batch of all, or all with an axis for the settings."""
    first = batches[0]
    if all(batch[0] is first[0] for batch in batches):
        return first
    features, targets = zip(*batches, strict=True)
    return torch.stack(features), torch.stack(targets)
