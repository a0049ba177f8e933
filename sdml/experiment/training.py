"""How one modality is trained: the method, its networks, Adam, selection.

Method ``sdml`` has two sets of defaults. ``preset: sdml-reference`` is the published settings
(SIGIR 2019, section 4.1 and the released code); ``preset: sdml``, the default, is what serves
better where samples are few (docs/methods.md). The released code uses a learning rate of 1e-4 for
its image modality and 2e-4 for every other: a name decides nothing here, so say
``learning_rate: 1.0e-4`` in that modality.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from sdml.experiment.base import Number, Settings, Whole
from sdml.experiment.methods import SECTIONS, DrclSettings, MtlsSettings
from sdml.experiment.pseudo_labels import PseudoLabelSettings, threshold_alone

Method = Literal["sdml", "classifier", "drcl", "mtls"]
Preset = Literal["sdml", "sdml-reference"]
Precision = Literal["fp32", "bf16", "auto"]


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
_UNSAID = {"drcl": None, "mtls": None, "pseudo_labels": None, "precision": "fp32"}
_PLAIN = {"normalize_code": True, "squared": False, "label_count_normalised": False}
_METHODS: dict[str, dict[str, Any]] = {
    "classifier": {"lambda_": 0.0},
    "drcl": {
        "lambda_": 0.0,
        "batch_size": 1024,
        "hidden": (4096, 4096),
        "selection": "val_total",
    },
    "mtls": {"lambda_": 0.0, "batch_size": 256, "selection": "val_total"},
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
    preset is a start and not a lock. All other methods need no decoder, so λ is 0, and ``drcl`` has
    the sizes of its released code. ``drcl`` and ``mtls`` are there for that method only.

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
    seed: Annotated[Whole, Field(ge=0, lt=2**32)] = 0  # more, and torch repeats itself
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
    mtls: MtlsSettings | None = None
    pseudo_labels: Annotated[PseudoLabelSettings | None, BeforeValidator(threshold_alone)] = None

    @model_validator(mode="after")
    def _settings_of_method(self) -> Self:
        usual: dict[str, Any] = {name: None for name in SECTIONS if name != self.method}
        if self.method == "sdml":
            if self.ridge_share > 0:
                usual["normalize_code"] = True
        else:
            usual |= {**_PLAIN, "preset": None}
        if self.method in SECTIONS:
            usual |= {"lambda_": 0.0, "pseudo_labels": None, **_OFF}
            if self.precision == "bf16":
                usual["precision"] = "fp32"
        strange = [name for name, value in usual.items() if getattr(self, name) != value]
        if strange:
            names = ", ".join(name.rstrip("_") for name in strange)
            if self.method == "sdml" and not set(strange) & set(SECTIONS):
                raise ValueError(
                    f"{names}: goes with ridge_share: 0, which preset: sdml-reference has: say "
                    "that, or leave it out"
                )
            raise ValueError(
                f"{names}: nothing that method {self.method} has a choice of: leave it out"
            )
        begun = self.pseudo_labels.start_epoch if self.pseudo_labels else 0
        if begun > self.epochs:
            raise ValueError(
                f"pseudo_labels.start_epoch is {begun}, but there are {self.epochs} epochs: lower "
                "it, or leave pseudo_labels out"
            )
        if self.method == "drcl" and self.drcl is None:
            raise ValueError("method drcl needs its own section: leave drcl out for the defaults")
        if self.method == "mtls" and self.mtls is None:
            raise ValueError(
                "method mtls needs the modality whose codes it is trained against: say it in that "
                "modality, as in image: {..., method: mtls, mtls: {partner: text}}"
            )
        return self

    @model_serializer(mode="wrap")
    def _without_other_methods(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What decides nothing is not said, so that older digests stay."""
        said: dict[str, Any] = dump(self)
        for name, usual in _UNSAID.items():
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

        A split smaller than one batch has none, but with ``drcl`` and ``mtls``, whose batches are
        large, and where ``least_batches`` asks for more than one.
        """
        if self.least_batches > 1:
            return max(1, min(self.batch_size, samples // self.least_batches))
        if self.method not in SECTIONS or (self.drcl and self.drcl.reference_bugs):
            return self.batch_size
        return min(self.batch_size, samples)
