"""DRCL, through the product's own training: a class matrix is learned first, then held still.

Pu, Qin, Peng, Song and Zheng, Deep reversible consistency learning, TMM 2025. Every modality learns
a class matrix W and its score, the best-scored W becomes the subspace, and each modality is trained
against it, alone. Losses, their weights and the rate of the first stage are the released ones;
hidden layers, code size, epochs and batches are those of the experiment, as for SDML (released:
layers of 4096, codes of 2048, one batch of 1024), and one learning rate for all modalities is
chosen on the validation split (released: one by hand for each).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import torch

from benchmarks.peers.peer import Map, Projector
from benchmarks.peers.scoring import validation_map
from benchmarks.peers.sdml_peer import SDML, sizes_of, trained, training_data
from benchmarks.peers.views import FloatArray, Views
from sdml.experiment import Experiment, TrainingSettings
from sdml.training import fit
from sdml.training.prior import PRIOR, PriorLearner


@dataclass(frozen=True, kw_only=True)
class DRCL(SDML):
    """Grid: the learning rate of the second stage."""

    name: ClassVar[str] = "drcl"
    version: ClassVar[int] = 2
    paper: ClassVar[str] = "Pu et al., TMM 2025"

    learning_rates: tuple[float, ...] = (1e-4, 1e-3)

    @classmethod
    def of(cls, experiment: Experiment) -> Self:
        """With the sizes that SDML has in each modality; the first stage starts at random."""
        made = {
            name: TrainingSettings.model_validate(
                {"method": "drcl", **sizes_of(experiment.training_of(name))}
            )
            for name in experiment.modalities
        }
        start = experiment.subspace.model_copy(update={"kind": "random", "source": None})
        return cls(subspace=start, training=made)

    def quick(self) -> Self:
        """One learning rate; hidden layers and epochs as of SDML."""
        return replace(super().quick(), learning_rates=self.learning_rates[:1])

    def _fit(self, train: Views, validation: Views, classes: int, seed: int) -> Projector:
        prior_KC, origin = self._prior(train, self._subspace(classes, seed).projection_KC, seed)
        best, reached = None, -1.0
        for rate in self.learning_rates:
            maps: dict[str, Map] = {}
            chosen: dict[str, object] = {"learning_rate": rate, "prior of": origin}
            for name in train.modalities:
                settings = self.training[name].model_copy(
                    update={"seed": seed, "learning_rate": rate}
                )
                data = training_data(train, validation, name)
                maps[name], chosen[f"epoch/{name}"] = trained(data, prior_KC, settings)
            made = Projector(maps=maps, chosen=chosen, projection_KC=prior_KC)
            score = validation_map(made, validation)
            if score > reached:
                best, reached = made, score
        assert best is not None
        return best

    def _prior(self, train: Views, start_KC: FloatArray, seed: int) -> tuple[FloatArray, str]:
        """The W of the modality that learned its training samples best, and that modality."""
        candidates = {}
        for name in train.modalities:
            settings = self.training[name]
            assert settings.drcl is not None
            fitted = fit(
                training_data(train, train, name),
                start_KC,
                settings.model_copy(
                    update={
                        "seed": seed,
                        "learning_rate": settings.drcl.prior_learning_rate,
                        "selection": "val_sup",
                    }
                ),
                threads=torch.get_num_threads(),
                learner_type=PriorLearner,
            )
            error = min(epoch.validation_supervised for epoch in fitted.history)
            candidates[name] = error, fitted.encoder_state[PRIOR]
        origin = min(candidates, key=lambda name: candidates[name][0])
        return candidates[origin][1], origin
