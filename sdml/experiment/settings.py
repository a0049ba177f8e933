"""A whole experiment file: typed, frozen, checked; every default is stated in its sections."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from sdml.experiment.base import Number, Settings, checked_name
from sdml.experiment.cluster import ClusterSettings, ResourceSettings
from sdml.experiment.evaluation import EvaluationSettings
from sdml.experiment.explain import explain
from sdml.experiment.modality import ModalitySettings
from sdml.experiment.subspace import SubspaceSettings
from sdml.experiment.training import TrainingSettings

_HALF_AN_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/?(?!/)")  # one letter would be a drive


class SweepSettings(Settings):
    """Values of λ that a sweep trains each modality with.

    ``together``: in the sweep pipeline, one pod a modality trains all of them at once, where there
    is a pod for each λ and modality otherwise.
    """

    lambdas: tuple[Annotated[Number, Field(ge=0, le=1)], ...] = tuple(i / 10 for i in range(11))
    together: bool = False

    @field_validator("lambdas")
    @classmethod
    def _distinct(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if not value or len(set(value)) != len(value):
            raise ValueError("name each value of λ once, and at least one")
        return value


class Experiment(Settings):
    """A whole experiment file. Paths are absolute once it was read from a file."""

    collection: str
    store: str = ".sdml/store"
    tracking: str | None = "sqlite:///.sdml/mlflow.db"
    subspace: SubspaceSettings = SubspaceSettings()
    training: TrainingSettings = TrainingSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    sweep: SweepSettings = SweepSettings()
    cluster: ClusterSettings = ClusterSettings()
    modalities: dict[str, ModalitySettings]

    @field_validator("collection")
    @classmethod
    def _collection_name(cls, value: str) -> str:
        return checked_name(value)

    @field_validator("store")
    @classmethod
    def _store_address(cls, value: str) -> str:
        if _HALF_AN_ADDRESS.match(value):
            raise ValueError("an address has two slashes, as in s3://bucket/prefix")
        return value

    @field_validator("modalities")
    @classmethod
    def _modality_names(cls, value: dict[str, ModalitySettings]) -> dict[str, ModalitySettings]:
        if not value:
            raise ValueError("at least one modality is needed")
        for name in value:
            checked_name(name)
        return value

    @model_validator(mode="after")
    def _overrides(self) -> Self:
        for name in self.modalities:
            path = ("modalities", name)
            try:
                training = self.training_of(name)
            except ValidationError as error:
                raise ValueError(explain(error, TrainingSettings, path)) from error
            if training.mtls is not None and training.mtls.partner == name:
                raise ValueError(
                    f"modalities.{name}.mtls.partner must be another modality than {name} itself"
                )
            try:
                self.resources_of(name)
            except ValidationError as error:
                raise ValueError(explain(error, ResourceSettings, (*path, "resources"))) from error
        return self

    def training_of(self, modality: str) -> TrainingSettings:
        """The training settings of one modality: ``training`` with its overrides applied."""
        overrides = self.modalities[modality].training
        # only what was said: what is left out depends on the method, which may be overridden
        said = self.training.model_dump(by_alias=True, exclude_unset=True)
        return TrainingSettings.model_validate({**said, **overrides})

    def resources_of(self, modality: str) -> ResourceSettings:
        """What one modality's training pod asks for: ``cluster.resources`` with its own keys."""
        own = self.modalities[modality].resources
        said = {name: getattr(own, name) for name in own.model_fields_set}
        return ResourceSettings.model_validate({**dict(self.cluster.resources), **said})
