"""MTLS in our reading: an encoder against the codes that its pairs have in another modality.

The partner's codes come with the targets, as columns after those of the classes, and stand still.
There is no decoder, and no label is needed: only with ``class_negatives: false`` do labels say
which pairs of a batch are not pushed apart.

Of the three numbers in the history ``supervised`` is the retrieval part, which knows the pairs, and
``reconstruction`` the weighted structure. Both depend on how many pairs are compared, so validation
is measured in parts as large as a batch, always the same ones, drawn with the seed: a source may
be sorted by class.

Letters: D features, K code size, C classes, B pairs in a batch, N in a split.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sdml.experiment import TrainingSettings
from sdml.networks import Encoder
from sdml.objectives import Transfer, mtls_loss
from sdml.training.optimised import Arrays, Optimised, copied


class TransferLearner(Optimised):
    """Encoder and Adam on one ``device``; arguments as of Learner."""

    def __init__(
        self,
        features: int,
        projection_KC: npt.NDArray[np.float32],
        settings: TrainingSettings,
        device: torch.device,
    ) -> None:
        """Make the network."""
        assert settings.mtls is not None
        self.device = device
        code, self._classes = projection_KC.shape
        generator = torch.Generator().manual_seed(settings.seed)
        self.encoder = Encoder(
            features, settings.hidden, code, normalize=True, generator=generator
        ).to(device)
        self._own = settings.mtls
        self._settings = settings
        self._optimise(dict(self.encoder.named_parameters(prefix="encoder")), settings)

    def step(self, features_BD: Tensor, targets_BC: Tensor) -> Tensor:
        """See :meth:`Optimised.step`; the targets have K more columns, the partner's codes."""
        made = self._losses(self.encoder(features_BD), targets_BC)
        self._advance(made.total)
        return self._reported(made)

    @torch.no_grad()
    def measure(self, blocks: Iterable[tuple[Tensor, Tensor]]) -> Tensor:
        """See :meth:`Optimised.measure`."""
        codes, targets = zip(
            *((self.encoder(features_BD), targets_BC) for features_BD, targets_BC in blocks),
            strict=True,
        )
        codes_NK, targets_NC = torch.cat(codes), torch.cat(targets)
        count = len(codes_NK)
        drawn_N = np.random.default_rng(self._settings.seed).permutation(count)
        parts = -(-count // self._settings.batch_size)
        losses_3 = codes_NK.new_zeros(3)
        for rows_B in torch.tensor_split(torch.from_numpy(drawn_N).to(self.device), parts):
            made = self._losses(codes_NK[rows_B], targets_NC[rows_B])
            losses_3 += self._reported(made) * (len(rows_B) / count)
        return losses_3

    def encoder_state(self) -> Arrays:
        """A copy of the encoder's parameters."""
        return copied(self.encoder)

    def _losses(self, codes_BK: Tensor, targets_BC: Tensor) -> Transfer:
        own = self._own
        labels_BC, partner_BK = targets_BC[:, : self._classes], targets_BC[:, self._classes :]
        return mtls_loss(
            codes_BK,
            partner_BK,
            margin=own.margin,
            neighbours=own.neighbours,
            temperature=own.temperature,
            weight=own.weight,
            apart_BB=None if own.class_negatives else labels_BC @ labels_BC.T == 0,
        )

    def _reported(self, made: Transfer) -> Tensor:
        """(J, weight·structure, retrieval)."""
        structure = self._own.weight * made.structure
        return torch.stack((made.total, structure, made.retrieval)).detach()
