"""What is measured between the modalities of a collection."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer

from sdml.experiment.base import Settings, SplitName, Whole, one_or_many


class SampleSettings(Settings):
    """A seeded random sample of each modality's queries, in place of all of them."""

    queries: Annotated[Whole, Field(ge=30)]
    seed: Annotated[Whole, Field(ge=0)] = 0


Asked = Literal["cosine", "posterior"]


def _usual(settings: dict[str, Any]) -> tuple[Asked, ...]:
    """Both similarities, that of the released code first with its conventions."""
    is_reference = settings["preset"] == "reference"
    return ("cosine", "posterior") if is_reference else ("posterior", "cosine")


class EvaluationSettings(Settings):
    """What is measured between every ordered pair of modalities (docs/protocol.md).

    ``preset: reference`` replaces ``denominator``, ``empty_query`` and ``relevance`` by the
    conventions of the released code, which differ for single- and multi-label collections, and
    puts the cosine first.
    The first ``similarity`` names the figures that are tracked, and ranks the report's examples.
    With ``sample``, so many queries of each modality are ranked against the whole gallery, and
    mAP comes with a 95 % confidence interval.
    ``recall: pair`` asks, for R@K and the median rank, for the item of the query's own row alone;
    ``class`` for any relevant one.
    ``examples`` is how many queries of each modality the report shows with what they find.
    """

    preset: Literal["none", "reference"] = "none"
    split: SplitName = "test"
    similarity: tuple[Asked, ...] = Field(default_factory=_usual)
    top_k: Annotated[Whole, Field(ge=1)] = 50
    denominator: Literal["hits", "min", "relevant"] = "min"
    empty_query: Literal["zero", "skip"] = "zero"
    relevance: Literal["any", "exact"] = "any"
    recall: Literal["class", "pair"] = "class"
    examples: Annotated[Whole, Field(ge=0, le=20)] = 3
    block_mebibytes: Annotated[Whole, Field(ge=1)] = 256
    sample: SampleSettings | None = None

    @field_validator("similarity", mode="before")
    @classmethod
    def _similarities(cls, value: object) -> object:
        return one_or_many(value)

    @field_validator("similarity")
    @classmethod
    def _some(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or len(set(value)) != len(value):
            raise ValueError("name each similarity once, and at least one")
        return value

    @model_serializer(mode="wrap")
    def _without_usual_recall(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """``recall`` is said only where it is not the usual one: older digests stay."""
        said: dict[str, Any] = dump(self)
        if said.get("recall") == "class":
            del said["recall"]
        return said
