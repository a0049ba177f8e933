"""SDML itself, through the product's own training: each modality alone, against a fixed P.

Hu, Zhen, Peng and Liu, Scalable deep multimodal learning for cross-modal retrieval, SIGIR 2019,
with the settings of the experiment file but for the preset: ``sdml`` has the default one,
``sdml-reference`` the published one. The seed replaces those of the subspace and of the
networks; the epoch is selected by the validation loss of one modality, not by retrieval, and
there is no grid. Ranked by the cosine, as published, and by the posterior product.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Self

import torch

from benchmarks.peers.deep import QUICK_EPOCHS, quick_widths, tensor
from benchmarks.peers.peer import Map, Peer, Projector, Ranking
from benchmarks.peers.views import FloatArray, Views
from sdml.experiment import Experiment, SubspaceSettings, TrainingSettings
from sdml.networks import Encoder
from sdml.subspace import Subspace
from sdml.training import FitResult, TrainingData, fit


@dataclass(frozen=True, kw_only=True)
class SDML(Peer):
    """The default preset."""

    name: ClassVar[str] = "sdml"
    version: ClassVar[int] = 2
    paper: ClassVar[str] = "Hu et al., SIGIR 2019"
    joint: ClassVar[bool] = False
    multi_label: ClassVar[bool] = True
    takes_unlabelled: ClassVar[bool] = True
    draws: ClassVar[bool] = True
    rankings: ClassVar[tuple[Ranking, ...]] = ("cosine", "posterior")
    preset: ClassVar[str] = "sdml"

    subspace: SubspaceSettings
    training: Mapping[str, TrainingSettings]

    @classmethod
    def of(cls, experiment: Experiment) -> Self:
        """With the settings of each modality, the preset's keys as the preset has them.

        Of a modality that the file trains by another method only the sizes are taken.
        """
        preset = TrainingSettings.model_validate({"preset": cls.preset})
        keys = {name: getattr(preset, name) for name in ("preset", "ridge_share", "least_batches")}
        training = {}
        for name in experiment.modalities:
            own = experiment.training_of(name)
            if own.method != "sdml":
                own = TrainingSettings.model_validate(sizes_of(own))
            training[name] = own.model_copy(update=keys)
        return cls(subspace=experiment.subspace, training=training)

    def quick(self) -> Self:
        """At most ten epochs of each modality, hidden layers of at most 256."""
        return replace(
            self,
            training={
                name: settings.model_copy(
                    update={
                        "epochs": min(settings.epochs, QUICK_EPOCHS),
                        "hidden": quick_widths(settings.hidden),
                    }
                )
                for name, settings in self.training.items()
            },
        )

    def _fit(self, train: Views, validation: Views, classes: int, seed: int) -> Projector:
        projection_KC = self._subspace(classes, seed).projection_KC
        maps: dict[str, Map] = {}
        chosen: dict[str, object] = {}
        for name in train.modalities:
            settings = self.training[name].model_copy(update={"seed": seed})
            data = training_data(train, validation, name)
            maps[name], chosen[f"epoch/{name}"] = trained(data, projection_KC, settings)
        return Projector(maps=maps, chosen=chosen, projection_KC=projection_KC)

    def _subspace(self, classes: int, seed: int) -> Subspace:
        names = [str(number) for number in range(classes)]
        return subspace_of(self.subspace.model_copy(update={"seed": seed}), names)


class SDMLReference(SDML):
    """The published settings."""

    name: ClassVar[str] = "sdml-reference"
    preset: ClassVar[str] = "sdml-reference"


def sizes_of(settings: TrainingSettings) -> dict[str, object]:
    """Epochs, batches and hidden layers, which every method has."""
    return settings.model_dump(include={"epochs", "batch_size", "hidden"})


def subspace_of(asked: SubspaceSettings, names: Sequence[str]) -> Subspace:
    """The subspace of the kind that is asked for; of a prior the random one it starts from."""
    match asked.kind:
        case "identity":
            return Subspace.unit(names)
        case "simplex":
            return Subspace.simplex(names, dimension=asked.dimension, seed=asked.seed)
        case "given":
            assert asked.source is not None
            return Subspace.from_file(Path(asked.source), names, dimension=asked.dimension)
        case "random" | "prior":
            return Subspace.random(names, dimension=asked.dimension, seed=asked.seed)


def training_data(train: Views, validation: Views, name: str) -> TrainingData:
    """What one modality is trained on."""
    return TrainingData(
        features_ND=train.features[name],
        labels=train.labels[name],
        validation_features_ND=validation.features[name],
        validation_labels=validation.labels[name],
    )


def trained(
    data: TrainingData, projection_KC: FloatArray, settings: TrainingSettings
) -> tuple[Map, int]:
    """One modality's encoder, and the epoch that was selected."""
    result = fit(data, projection_KC, settings, threads=torch.get_num_threads())
    return encoder_map(result, data.features_ND.shape[1], settings), result.best_epoch


def encoder_map(result: FitResult, width: int, settings: TrainingSettings) -> Map:
    """A trained encoder of D = ``width`` features."""
    state = {name: tensor(value) for name, value in result.encoder_state.items()}
    network = Encoder(
        width,
        settings.hidden,
        len(state["output.weight"]),
        normalize=settings.normalize_code,
        plain_output="output.bias" not in state,
        generator=torch.Generator(),
    )
    network.load_state_dict(state)

    @torch.no_grad()
    def codes(features_ND: FloatArray) -> FloatArray:
        rows: FloatArray = network(tensor(features_ND)).numpy()
        return rows

    return codes
