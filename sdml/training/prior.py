"""DRCL's prior learning: one modality's network and its class matrix W, trained together.

W starts as the collection's random orthonormal projection, the same for every modality, and is a
free parameter: logits are hW, without bias or temperature, so the lengths of its columns become
one. The loss is the generalised cross-entropy, with an exponent q that grows from 0.

The score of an epoch is the mean probability of the true class. The history has 1 − score as
``supervised``, on whatever split is handed in as validation, so the loop's selection by it keeps
the W of the best-scored epoch. In the released code that W is the last epoch's, since it is kept
by reference while it goes on changing; and its first epoch, with q = 0, does nothing but count
steps of Adam, its gradients being 0/0 made zero (``reference_bugs``).

Letters: D features, K code size, C classes, B samples in a batch.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from sdml.experiment import TrainingSettings
from sdml.objectives import generalised_cross_entropy, true_class_log_probability
from sdml.training.consistency import drcl_encoder, drcl_settings
from sdml.training.optimised import Arrays, Optimised

PRIOR = "prior"
"""Name of W among the parameters of the result."""

_SMALLEST_Q = 1e-3


class PriorLearner(Optimised):
    """Encoder, W and Adam on one ``device``; arguments as of Learner. The result is W alone."""

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
        self.prior_KC = nn.Parameter(torch.from_numpy(projection_KC.copy()).to(device))
        self._own = drcl_settings(settings)
        trained = dict(self.encoder.named_parameters(prefix="encoder"))
        self._optimise({**trained, PRIOR: self.prior_KC}, settings)

    def step(self, features_BD: Tensor, targets_BC: Tensor) -> Tensor:
        """See :meth:`Optimised.step`."""
        labelled_B = targets_BC.any(1)
        targets_BC = targets_BC[labelled_B]
        logits_BC = self.encoder(features_BD[labelled_B]) @ self.prior_KC
        loss, losses = self._losses(logits_BC, targets_BC)
        self._advance(loss * 0 if self.epoch == 1 and self._own.reference_bugs else loss)
        return losses

    @torch.no_grad()
    def measure(self, blocks: Iterable[tuple[Tensor, Tensor]]) -> Tensor:
        """See :meth:`Optimised.measure`."""
        logits, targets = [], []
        for features_BD, targets_BC in blocks:
            labelled_B = targets_BC.any(1)
            logits.append(self.encoder(features_BD[labelled_B]) @ self.prior_KC)
            targets.append(targets_BC[labelled_B])
        return self._losses(torch.cat(logits), torch.cat(targets))[1]

    def encoder_state(self) -> Arrays:
        """A copy of W."""
        return {PRIOR: self.prior_KC.detach().cpu().numpy().copy()}

    def _losses(self, logits_BC: Tensor, targets_BC: Tensor) -> tuple[Tensor, Tensor]:
        """The loss to be differentiated, and (loss, 0, 1 − mean probability of the true class)."""
        if len(logits_BC) == 0:
            return logits_BC.sum() * 0, logits_BC.new_zeros(3)
        q = min(1.0, max(_SMALLEST_Q, self._own.q_step * (self.epoch - 1)))
        loss = generalised_cross_entropy(logits_BC, targets_BC, q)
        with torch.no_grad():
            error = 1 - true_class_log_probability(logits_BC, targets_BC).exp().mean()
            return loss, torch.stack((loss.detach(), torch.zeros_like(error), error))
