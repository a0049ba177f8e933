"""How the fixed projection of a collection is made."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from sdml.experiment.base import Settings, Whole

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
