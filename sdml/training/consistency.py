"""DRCL's reversible semantic consistency: an encoder against a frozen class matrix W.

Each batch: codes of unit length, mixed with those of a permutation of the batch (feature
augmentation), then J of :mod:`sdml.objectives.drcl`. There is no decoder; unlabelled samples have
no target and are left out. The permutation is drawn from (seed, epoch, batch), where the released
code continues the stream that shuffles the batches.

Of the three numbers in the history ``supervised`` is η·J_L, ``reconstruction`` the rest of J.

Validation uses no mixture, and q = 1 in every epoch, so that epochs can be compared; the released
code lets q grow there too, by which J falls whatever the network does (``reference_bugs``).

Letters: D features, K code size, C classes, B samples in a batch.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sdml.experiment import DrclSettings, TrainingSettings
from sdml.networks import Encoder, unit_rows
from sdml.objectives import drcl_loss, mixed
from sdml.training.optimised import Arrays, Optimised, copied

_RANK = 1e-5  # singular values below this share of the largest are none


def drcl_encoder(
    features: int, code: int, settings: TrainingSettings, device: torch.device
) -> Encoder:
    """The network that both stages of DRCL train; initial values from ``settings.seed``."""
    generator = torch.Generator().manual_seed(settings.seed)
    return Encoder(
        features, settings.hidden, code, normalize=True, plain_output=True, generator=generator
    ).to(device)


def drcl_settings(settings: TrainingSettings) -> DrclSettings:
    """The section, which is there for this method."""
    assert settings.drcl is not None
    return settings.drcl


class ConsistencyLearner(Optimised):
    """Encoder and Adam on one ``device``; arguments as of Learner."""

    def __init__(
        self,
        features: int,
        projection_KC: npt.NDArray[np.float32],
        settings: TrainingSettings,
        device: torch.device,
    ) -> None:
        """Make the network."""
        self.device = device
        self.encoder = drcl_encoder(features, len(projection_KC), settings, device)
        self._seed = settings.seed
        self._own = drcl_settings(settings)
        self._prior_KC = torch.from_numpy(projection_KC.copy()).to(device)
        # a simplex has a singular value of zero, which rounding must not make a small one
        inverse_CK = np.linalg.pinv(projection_KC.astype(np.float64), rcond=_RANK)
        self._inverse_CK = torch.from_numpy(inverse_CK.astype(np.float32)).to(device)
        self._optimise(dict(self.encoder.named_parameters(prefix="encoder")), settings)

    def step(self, features_BD: Tensor, targets_BC: Tensor) -> Tensor:
        """See :meth:`Optimised.step`."""
        labelled_B = targets_BC.any(1)
        targets_BC = targets_BC[labelled_B]
        codes_BK = self.encoder(features_BD[labelled_B])
        draw = np.random.default_rng((self._seed, self.epoch, self.batch))
        order_B = torch.from_numpy(draw.permutation(len(codes_BK))).to(self.device)
        codes_BK = mixed(codes_BK, order_B, self._own.gamma)
        targets_BC = mixed(targets_BC, order_B, self._own.gamma)
        if self._own.normalize_mixed:
            codes_BK = unit_rows(codes_BK)
        total, losses = self._losses(codes_BK, targets_BC, min(1.0, self._own.q_step * self.epoch))
        self._advance(total)
        return losses

    @torch.no_grad()
    def measure(self, blocks: Iterable[tuple[Tensor, Tensor]]) -> Tensor:
        """See :meth:`Optimised.measure`."""
        codes, targets = [], []
        for features_BD, targets_BC in blocks:
            labelled_B = targets_BC.any(1)
            codes.append(self.encoder(features_BD[labelled_B]))
            targets.append(targets_BC[labelled_B])
        q = min(1.0, self._own.q_step * self.epoch) if self._own.reference_bugs else 1.0
        return self._losses(torch.cat(codes), torch.cat(targets), q)[1]

    def encoder_state(self) -> Arrays:
        """A copy of the encoder's parameters."""
        return copied(self.encoder)

    def _losses(self, codes_BK: Tensor, targets_BC: Tensor, q: float) -> tuple[Tensor, Tensor]:
        """J to be differentiated, and (J, J − η·J_L, η·J_L)."""
        own = self._own
        made = drcl_loss(
            codes_BK,
            targets_BC,
            self._prior_KC,
            self._inverse_CK,
            q=q,
            alpha=own.alpha,
            beta=own.beta,
            eta=own.eta,
            reduction=own.distance,
            normalize_target=own.normalize_target,
        )
        label = own.eta * made.label
        return made.total, torch.stack((made.total, made.total - label, label)).detach()
