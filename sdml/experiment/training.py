"""How one modality is trained: the method, its networks, Adam, selection.

Defaults are the published settings of SDML (SIGIR 2019, section 4.1 and the released code).
The released code uses a learning rate of 1e-4 for its image modality and 2e-4 for every
other: a name decides nothing here, so say ``learning_rate: 1.0e-4`` in that modality.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from sdml.experiment.base import Number, Settings, Whole

Method = Literal["sdml", "classifier", "drcl"]
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
    precision: Precision = "fp32"
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
            if self.method == "drcl" and self.precision == "bf16":
                usual["precision"] = "fp32"  # type: ignore[assignment]
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
        """``drcl`` and ``precision`` where they decide anything, so that other digests stay."""
        said: dict[str, Any] = dump(self)
        for name, usual in {"drcl": None, "precision": "fp32"}.items():
            if said.get(name, ...) == usual:
                del said[name]
        return said

    def rows(self, samples: int) -> int:
        """The size of a batch of a split with so many samples.

        A split smaller than one batch has none, but with ``drcl``, whose batches are large.
        """
        if self.drcl is None or self.drcl.reference_bugs:
            return self.batch_size
        return min(self.batch_size, samples)
