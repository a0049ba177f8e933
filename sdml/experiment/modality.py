"""Where a modality comes from: its source, its splits, and how vectors are made of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from sdml.experiment.base import Number, Settings, SplitName, Whole, one_or_many
from sdml.experiment.cluster import ResourceSettings
from sdml.experiment.training import TrainingSettings

Transform = Literal["l2", "standardize"]


class KeySettings(Settings):
    """Names of the arrays (or columns) inside a source; one name, or one for each split."""

    features: str | dict[SplitName, str] = "X"
    labels: str | dict[SplitName, str] = "y"
    split: str = "split"


class SplitSettings(Settings):
    """Shares of a seeded, stratified split, for sources that do not bring their own.

    ``validation`` and ``test`` are fractions below 1, or counts of samples. A source that has
    train and test but no validation gives up ``validation`` from ``validation_from``: drawn with
    the seed, or its ``first`` or ``last`` rows, as the released code of SDML takes them.
    """

    train: Annotated[Number, Field(gt=0, le=1)] = 0.8
    validation: Annotated[Number, Field(gt=0)] = 0.1
    test: Annotated[Number, Field(gt=0)] = 0.1
    seed: Annotated[Whole, Field(ge=0)] = 0
    validation_from: Literal["train", "test"] = "train"
    validation_take: Literal["drawn", "first", "last"] = "drawn"

    @model_validator(mode="after")
    def _shares(self) -> Self:
        shares = [s for s in (self.train, self.validation, self.test) if s < 1]
        if sum(shares) > 1 + 1e-9:
            raise ValueError(f"the shares add up to {sum(shares):g}; they must not exceed 1")
        for count in (self.validation, self.test):
            if count >= 1 and count != int(count):
                raise ValueError(f"{count:g} is neither a fraction below 1 nor a whole count")
        return self

    @model_serializer(mode="wrap")
    def _without_usual_take(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """``validation_take`` is said only where it is not the usual one: older digests stay."""
        said: dict[str, Any] = dump(self)
        if said.get("validation_take") == "drawn":
            del said["validation_take"]
        return said


class TrainLabelSettings(Settings):
    """Training labels made worse on purpose; validation and test stay as they are.

    ``hidden`` is the share of each class's labelled samples that lose their labels, ``noise`` the
    share of the others that get wrong ones.
    """

    noise: Annotated[Number, Field(ge=0, le=0.8)] = 0.0
    hidden: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    seed: Annotated[Whole, Field(ge=0)] = 0

    @property
    def as_they_are(self) -> bool:
        """Whether nothing is made worse."""
        return self.noise == 0 and self.hidden == 0


class ExtractorSettings(Settings):
    """Which extractor turns raw items into vectors, and its options."""

    name: str
    options: dict[str, bool | int | float | str] = Field(default_factory=dict)


class ModalitySettings(Settings):
    """Where one modality comes from and what is special about it.

    ``training`` holds the keys of :class:`TrainingSettings` that this modality overrides; in
    the file they stand beside ``source``. ``resources`` overrides ``cluster.resources``.
    ``shards`` is how many parts of the source may be prepared apart, each in a pod of its own.
    """

    source: str
    keys: KeySettings = KeySettings()
    labels: str | dict[SplitName, str] | None = None
    split: SplitSettings = SplitSettings()
    transform: tuple[Transform, ...] = ()
    extractor: ExtractorSettings | None = None
    missing_class: Literal["refuse", "warn"] = "refuse"
    train_labels: TrainLabelSettings = TrainLabelSettings()
    shards: Annotated[Whole, Field(ge=1, le=1000)] = 1
    resources: ResourceSettings = ResourceSettings()
    training: dict[str, Any] = Field(default_factory=dict)

    @classmethod
    def keys_allowed(cls) -> list[str]:
        """Its own keys, and those of training that it may override."""
        own = [name for name in super().keys_allowed() if name != "training"]
        return own + TrainingSettings.keys_allowed()

    def preparation(self) -> dict[str, Any]:
        """What decides the outcome of a preparation, as plain JSON."""
        return self.model_dump(mode="json", exclude={"resources", "shards", "training"})

    @model_validator(mode="before")
    @classmethod
    def _gather_overrides(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        names = TrainingSettings.keys_allowed()
        here = {key: value for key, value in data.items() if key in names}
        if not here or not isinstance(data.get("training", {}), dict):
            return data
        rest = {key: value for key, value in data.items() if key not in names}
        return {**rest, "training": {**rest.get("training", {}), **here}}

    @field_validator("transform", mode="before")
    @classmethod
    def _transforms(cls, value: object) -> object:
        return one_or_many(value)

    @field_validator("extractor", mode="before")
    @classmethod
    def _extractor(cls, value: object) -> object:
        return {"name": value} if isinstance(value, str) else value
