"""How one modality is trained: the method, its networks, Adam, selection.

Method ``sdml`` has two sets of defaults. ``preset: sdml-reference`` is the published settings
(SIGIR 2019, section 4.1 and the released code); ``preset: sdml``, the default, is what serves
better where samples are few (docs/methods.md). The released code uses a learning rate of 1e-4 for
its image modality and 2e-4 for every other: a name decides nothing here, so say
``learning_rate: 1.0e-4`` in that modality.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from sdml.experiment.base import Number, Settings, Whole

Method = Literal["sdml", "classifier", "drcl"]
Preset = Literal["sdml", "sdml-reference"]
Precision = Literal["fp32", "bf16", "auto"]


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


_REFERENCE: dict[str, Any] = {
    "lambda_": 0.5,
    "batch_size": 100,
    "learning_rate": 2e-4,
    "betas": (0.5, 0.999),
    "weight_decay": 0.0,
    "hidden": (1024, 1024),
    "selection": "val_sup",
    "ridge_share": 0.0,
    "least_batches": 1,
}
_NOVEL = ("ridge_share", "least_batches")
_OFF = {name: _REFERENCE[name] for name in _NOVEL}
_PLAIN = {"normalize_code": True, "squared": False, "label_count_normalised": False}
_METHODS: dict[str, dict[str, Any]] = {
    "classifier": {"lambda_": 0.0},
    "drcl": {
        "lambda_": 0.0,
        "batch_size": 1024,
        "hidden": (4096, 4096),
        "selection": "val_total",
    },
}
_PRESETS: dict[str, dict[str, Any]] = {
    "sdml": {"ridge_share": 0.6, "least_batches": 2},
    "sdml-reference": {},
}


def _preset(said: dict[str, Any]) -> Preset | None:
    return "sdml" if said.get("method") == "sdml" else None


def _chosen(name: str) -> Any:
    """A field whose default depends on the method and the preset."""

    def default(said: dict[str, Any]) -> Any:
        own = {
            **_METHODS.get(said.get("method", ""), {}),
            **_PRESETS.get(said.get("preset") or "", {}),
        }
        return own.get(name, _REFERENCE[name])

    return Field(default_factory=default)


class TrainingSettings(Settings):
    """One modality's training. Named toggles tell the released code from the paper's equation.

    Some defaults depend on the method and, of ``sdml``, on the preset; what is said stands, so a
    preset is a start and not a lock. ``classifier`` and ``drcl`` need no decoder, so λ is 0, and
    ``drcl`` has the sizes of its released code. ``drcl`` is there for that method only.

    ``ridge_share`` is how much of the code a ridge regression in closed form makes; the trained
    network makes the rest, and each has half of every hidden layer. ``least_batches`` makes the
    batches of a small split smaller, so that an epoch has so many.
    """

    method: Method = "sdml"
    preset: Preset | None = Field(default_factory=_preset)
    lambda_: Annotated[Number, Field(ge=0, le=1, alias="lambda")] = _chosen("lambda_")
    epochs: Annotated[Whole, Field(ge=1)] = 200
    batch_size: Annotated[Whole, Field(ge=1)] = _chosen("batch_size")
    learning_rate: Annotated[Number, Field(gt=0)] = _chosen("learning_rate")
    betas: tuple[Annotated[Number, Field(ge=0, lt=1)], Annotated[Number, Field(ge=0, lt=1)]] = (
        _chosen("betas")
    )
    weight_decay: Annotated[Number, Field(ge=0)] = _chosen("weight_decay")
    hidden: tuple[Annotated[Whole, Field(ge=1)], ...] = _chosen("hidden")
    seed: Annotated[Whole, Field(ge=0)] = 0
    selection: Literal["val_sup", "val_total", "last"] = _chosen("selection")
    ridge_share: Annotated[Number, Field(ge=0, lt=1)] = _chosen("ridge_share")
    least_batches: Annotated[Whole, Field(ge=1)] = _chosen("least_batches")
    squared: bool = False
    normalize_code: bool = True
    normalize_reconstruction: bool = True
    normalize_target: bool = False
    decoder_output_relu: bool = False
    drop_last: bool = True
    label_count_normalised: bool = False
    precision: Precision = "fp32"
    device: str = "auto"
    threads: Annotated[Whole, Field(ge=1)] | None = None
    checkpoint_seconds: Annotated[Number, Field(ge=0)] = 30.0
    drcl: DrclSettings | None = Field(
        default_factory=lambda said: DrclSettings() if said.get("method") == "drcl" else None
    )

    @model_validator(mode="after")
    def _settings_of_method(self) -> Self:
        usual: dict[str, Any] = {}
        if self.method == "sdml":
            usual["drcl"] = None
            if self.ridge_share > 0:
                usual["normalize_code"] = True
        else:
            usual |= {**_PLAIN, "preset": None}
            usual |= {"lambda_": 0.0, **_OFF} if self.method == "drcl" else {"drcl": None}
            if self.method == "drcl" and self.precision == "bf16":
                usual["precision"] = "fp32"
        strange = [name for name, value in usual.items() if getattr(self, name) != value]
        if strange:
            names = ", ".join(name.rstrip("_") for name in strange)
            if self.method == "sdml" and strange != ["drcl"]:
                raise ValueError(
                    f"{names}: goes with ridge_share: 0, which preset: sdml-reference has: say "
                    "that, or leave it out"
                )
            raise ValueError(
                f"{names}: nothing that method {self.method} has a choice of: leave it out"
            )
        if self.method == "drcl" and self.drcl is None:
            raise ValueError("method drcl needs its own section: leave drcl out for the defaults")
        return self

    @model_serializer(mode="wrap")
    def _without_other_methods(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """``drcl`` and ``precision`` where they decide anything, so that other digests stay."""
        said: dict[str, Any] = dump(self)
        for name, usual in {"drcl": None, "precision": "fp32"}.items():
            if said.get(name, ...) == usual:
                del said[name]
        return said

    def decisive(self) -> dict[str, Any]:
        """What can decide a training's result, as JSON: without what is as in ``sdml-reference``.

        So a reference training has the digests and manifests that it had before there were presets.
        """
        said = self.model_dump(mode="json", by_alias=True, exclude={"checkpoint_seconds"})
        silent = {**_OFF, "preset": "sdml-reference" if self.method == "sdml" else None}
        return {name: value for name, value in said.items() if silent.get(name, ...) != value}

    def rows(self, samples: int) -> int:
        """The size of a batch of a split with so many samples.

        A split smaller than one batch has none, but with ``drcl``, whose batches are large, and
        where ``least_batches`` asks for more than one.
        """
        if self.least_batches > 1:
            return max(1, min(self.batch_size, samples // self.least_batches))
        if self.drcl is None or self.drcl.reference_bugs:
            return self.batch_size
        return min(self.batch_size, samples)
