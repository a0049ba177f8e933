"""An experiment with other training settings: fewer epochs, another method, worse labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from benchmarks.few_samples.variants import GROUPS
from sdml.errors import UserError
from sdml.experiment import Experiment, TrainingSettings, TrainLabelSettings
from sdml.experiment.explain import explain

METHODS: Mapping[str, Mapping[str, Any]] = {
    label.removesuffix(", random"): variant.training
    for label, variant in GROUPS["kinds"].items()
    if variant is not None and label.endswith(", random")
}
"""The methods of the package, with the settings that they have in ``benchmarks.few_samples``."""

# what every method has; the rest of a file's training section speaks of its own method
_SHARED = ("epochs", "batch_size", "hidden", "seed", "device", "threads", "checkpoint_seconds")


def changed(experiment: Experiment, **said: Any) -> Experiment:
    """The experiment with these training settings, as the file would say them.

    Raises:
        UserError: a value is not allowed, or a modality of the file has its own.
    """
    for name, modality in experiment.modalities.items():
        for key in set(said) & set(modality.training):
            raise UserError(
                f"{key} is to be the same for all modalities, but {name} has its own: take it "
                "out of the experiment file"
            )
    own = experiment.training.model_dump(by_alias=True, exclude_unset=True)
    try:
        training = TrainingSettings.model_validate({**own, **said})
    except ValidationError as error:
        raise UserError(explain(error, TrainingSettings)) from error
    return experiment.model_copy(update={"training": training})


def by_method(experiment: Experiment, method: str) -> Experiment:
    """The experiment with one of :data:`METHODS`; epochs, batches and sizes stay the file's."""
    own = experiment.training.model_dump(by_alias=True, exclude_unset=True)
    kept = {name: value for name, value in own.items() if name in _SHARED}
    training = TrainingSettings.model_validate({**METHODS[method], **kept})
    return experiment.model_copy(update={"training": training})


def with_labels(experiment: Experiment, *, noise: float, hidden: float, seed: int) -> Experiment:
    """The experiment with training labels made worse in every modality."""
    worse = TrainLabelSettings(noise=noise, hidden=hidden, seed=seed)
    modalities = {
        name: modality.model_copy(update={"train_labels": worse})
        for name, modality in experiment.modalities.items()
    }
    return experiment.model_copy(update={"modalities": modalities})
