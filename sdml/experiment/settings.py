"""What an experiment file may say: typed, frozen, checked, every default stated here.

Defaults are the published settings of SDML (SIGIR 2019, section 4.1 and the released code).
The released code uses a learning rate of 1e-4 for its image modality and 2e-4 for every
other: a name decides nothing here, so say ``learning_rate: 1.0e-4`` in that modality.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from sdml.experiment.base import Number, Settings, Whole, checked_name
from sdml.experiment.cluster import ClusterSettings, ResourceSettings
from sdml.experiment.explain import explain

SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")


def _one_or_many(value: object) -> object:
    if value == "none" or value is None:
        return ()
    return (value,) if isinstance(value, str) else value


Transform = Literal["l2", "standardize"]


SubspaceKind = Literal["random", "identity", "simplex", "given", "prior"]


class SubspaceSettings(Settings):
    """How P ∈ R^{K×C} is made.

    - ``random``: orthonormal columns drawn from ``seed`` (the paper).
    - ``identity``: P = I. K is the number of classes, so ``dimension`` may be left out.
    - ``simplex``: unit columns as far apart as can be, turned by a rotation drawn from ``seed``.
    - ``given``: orthonormal columns read from ``source`` (.npy or .mat), which is enough to say so.
    - ``prior``: learned (``sdml prior``); until one is selected, the random one it starts from.
    """

    kind: SubspaceKind = "random"
    dimension: Annotated[Whole, Field(ge=1)] = 512
    seed: Annotated[Whole, Field(ge=0)] = 0
    source: str | None = None
    classes: tuple[str, ...] | None = None

    @model_validator(mode="before")
    @classmethod
    def _kind_of_source(cls, data: Any) -> Any:
        if isinstance(data, dict) and "kind" not in data and data.get("source") is not None:
            return {**data, "kind": "given"}
        return data

    @model_validator(mode="after")
    def _source_of_kind(self) -> Self:
        if self.kind == "given" and self.source is None:
            raise ValueError("kind given reads a matrix: name its file as source")
        if self.kind != "given" and self.source is not None:
            raise ValueError(f"source goes with kind given, not {self.kind}: leave one of them out")
        return self

    @field_validator("classes", mode="before")
    @classmethod
    def _class_names(cls, value: object) -> object:
        if isinstance(value, list | tuple):
            return tuple(str(name) for name in value)
        return value

    @field_validator("classes")
    @classmethod
    def _distinct(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is not None and (not value or len(set(value)) != len(value)):
            raise ValueError("class names must be distinct and at least one")
        return value


Method = Literal["sdml", "classifier", "drcl"]


class DrclSettings(Settings):
    """What DRCL has and the other methods have not; the defaults are its released code's.

    ``gamma`` is the share that a code keeps in the mixture with another, ``q_step`` by how much the
    exponent of the generalised cross-entropy grows each epoch. ``score`` is the split by which a
    prior is judged. ``reference_bugs`` brings back what the released code does by mistake.
    """

    alpha: Annotated[Number, Field(ge=0)] = 0.1
    beta: Annotated[Number, Field(ge=0)] = 0.1
    eta: Annotated[Number, Field(ge=0)] = 1.0
    gamma: Annotated[Number, Field(ge=0, le=1)] = 0.9
    q_step: Annotated[Number, Field(gt=0, le=1)] = 0.01
    distance: Literal["mean", "sum"] = "mean"
    normalize_mixed: bool = False
    normalize_target: bool = False
    prior_learning_rate: Annotated[Number, Field(gt=0)] = 5e-4
    score: Literal["train", "validation"] = "train"
    reference_bugs: bool = False


def _by_method(**values: Any) -> Any:
    """A field whose default depends on the method; what is not named is as for sdml."""

    def default(said: dict[str, Any]) -> Any:
        return values.get(said.get("method", "sdml"), values["sdml"])

    return Field(default_factory=default)


class TrainingSettings(Settings):
    """One modality's training. Named toggles tell the released code from the paper's equation.

    Some defaults depend on the method: ``classifier`` and ``drcl`` need no decoder, so λ is 0, and
    ``drcl`` has the sizes of its released code. ``drcl`` is there for that method only.
    """

    method: Method = "sdml"
    lambda_: Annotated[Number, Field(ge=0, le=1, alias="lambda")] = _by_method(
        sdml=0.5, classifier=0.0, drcl=0.0
    )
    epochs: Annotated[Whole, Field(ge=1)] = 200
    batch_size: Annotated[Whole, Field(ge=1)] = _by_method(sdml=100, drcl=1024)
    learning_rate: Annotated[Number, Field(gt=0)] = 2e-4
    betas: tuple[Annotated[Number, Field(ge=0, lt=1)], Annotated[Number, Field(ge=0, lt=1)]] = (
        0.5,
        0.999,
    )
    weight_decay: Annotated[Number, Field(ge=0)] = 0.0
    hidden: tuple[Annotated[Whole, Field(ge=1)], ...] = _by_method(
        sdml=(1024, 1024), drcl=(4096, 4096)
    )
    seed: Annotated[Whole, Field(ge=0)] = 0
    selection: Literal["val_sup", "val_total", "last"] = _by_method(
        sdml="val_sup", drcl="val_total"
    )
    squared: bool = False
    normalize_code: bool = True
    normalize_reconstruction: bool = True
    normalize_target: bool = False
    decoder_output_relu: bool = False
    drop_last: bool = True
    label_count_normalised: bool = False
    device: str = "auto"
    threads: Annotated[Whole, Field(ge=1)] | None = None
    checkpoint_seconds: Annotated[Number, Field(ge=0)] = 30.0
    drcl: DrclSettings | None = Field(
        default_factory=lambda said: DrclSettings() if said.get("method") == "drcl" else None
    )

    @model_validator(mode="after")
    def _settings_of_method(self) -> Self:
        if self.method == "sdml":
            strange = [] if self.drcl is None else ["drcl"]
        else:
            usual = {"normalize_code": True, "squared": False, "label_count_normalised": False}
            usual |= {"lambda_": 0.0} if self.method == "drcl" else {"drcl": None}  # type: ignore[dict-item]
            strange = [name for name, value in usual.items() if getattr(self, name) != value]
        if strange:
            names = ", ".join(name.rstrip("_") for name in strange)
            raise ValueError(
                f"{names}: nothing that method {self.method} has a choice of: leave it out"
            )
        if self.method == "drcl" and self.drcl is None:
            raise ValueError("method drcl needs its own section: leave drcl out for the defaults")
        return self

    @model_serializer(mode="wrap")
    def _without_other_methods(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """``drcl`` is said only where it decides anything, so that other digests stay."""
        said: dict[str, Any] = dump(self)
        if said.get("drcl", ...) is None:
            del said["drcl"]
        return said

    def rows(self, samples: int) -> int:
        """The size of a batch of a split with so many samples.

        A split smaller than one batch has none, but with ``drcl``, whose batches are large.
        """
        if self.drcl is None or self.drcl.reference_bugs:
            return self.batch_size
        return min(self.batch_size, samples)


class EvaluationSettings(Settings):
    """What is measured between every ordered pair of modalities (docs/protocol.md).

    ``preset: reference`` replaces ``denominator``, ``empty_query`` and ``relevance`` by the
    conventions of the released code, which differ for single- and multi-label collections.
    """

    preset: Literal["none", "reference"] = "none"
    split: SplitName = "test"
    similarity: tuple[Literal["cosine", "posterior"], ...] = ("cosine", "posterior")
    top_k: Annotated[Whole, Field(ge=1)] = 50
    denominator: Literal["hits", "min", "relevant"] = "min"
    empty_query: Literal["zero", "skip"] = "zero"
    relevance: Literal["any", "exact"] = "any"
    block_mebibytes: Annotated[Whole, Field(ge=1)] = 256

    @field_validator("similarity", mode="before")
    @classmethod
    def _similarities(cls, value: object) -> object:
        return _one_or_many(value)

    @field_validator("similarity")
    @classmethod
    def _some(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or len(set(value)) != len(value):
            raise ValueError("name each similarity once, and at least one")
        return value


class KeySettings(Settings):
    """Names of the arrays (or columns) inside a source; one name, or one for each split."""

    features: str | dict[SplitName, str] = "X"
    labels: str | dict[SplitName, str] = "y"
    split: str = "split"


class SplitSettings(Settings):
    """Shares of a seeded, stratified split, for sources that do not bring their own.

    ``validation`` and ``test`` are fractions below 1, or counts of samples. A source that has
    train and test but no validation gives up ``validation`` from ``validation_from``.
    """

    train: Annotated[Number, Field(gt=0, le=1)] = 0.8
    validation: Annotated[Number, Field(gt=0)] = 0.1
    test: Annotated[Number, Field(gt=0)] = 0.1
    seed: Annotated[Whole, Field(ge=0)] = 0
    validation_from: Literal["train", "test"] = "train"

    @model_validator(mode="after")
    def _shares(self) -> Self:
        shares = [s for s in (self.train, self.validation, self.test) if s < 1]
        if sum(shares) > 1 + 1e-9:
            raise ValueError(f"the shares add up to {sum(shares):g}; they must not exceed 1")
        for count in (self.validation, self.test):
            if count >= 1 and count != int(count):
                raise ValueError(f"{count:g} is neither a fraction below 1 nor a whole count")
        return self


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
    """

    source: str
    keys: KeySettings = KeySettings()
    labels: str | dict[SplitName, str] | None = None
    split: SplitSettings = SplitSettings()
    transform: tuple[Transform, ...] = ()
    extractor: ExtractorSettings | None = None
    missing_class: Literal["refuse", "warn"] = "refuse"
    train_labels: TrainLabelSettings = TrainLabelSettings()
    resources: ResourceSettings = ResourceSettings()
    training: dict[str, Any] = Field(default_factory=dict)

    @classmethod
    def keys_allowed(cls) -> list[str]:
        """Its own keys, and those of training that it may override."""
        own = [name for name in super().keys_allowed() if name != "training"]
        return own + TrainingSettings.keys_allowed()

    @model_validator(mode="before")
    @classmethod
    def _gather_overrides(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        names = TrainingSettings.keys_allowed()
        here = {key: value for key, value in data.items() if key in names}
        if not here:
            return data
        rest = {key: value for key, value in data.items() if key not in names}
        return {**rest, "training": {**rest.get("training", {}), **here}}

    @field_validator("transform", mode="before")
    @classmethod
    def _transforms(cls, value: object) -> object:
        return _one_or_many(value)

    @field_validator("extractor", mode="before")
    @classmethod
    def _extractor(cls, value: object) -> object:
        return {"name": value} if isinstance(value, str) else value


class SweepSettings(Settings):
    """Values of λ that the sweep pipeline trains each modality with."""

    lambdas: tuple[Annotated[Number, Field(ge=0, le=1)], ...] = tuple(i / 10 for i in range(11))

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
                self.training_of(name)
            except ValidationError as error:
                raise ValueError(explain(error, TrainingSettings, path)) from error
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
