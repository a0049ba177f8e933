"""What single methods have and the others have not: a section each, named after its method."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from sdml.experiment.base import Number, Settings, Whole, checked_name

SECTIONS = ("drcl", "mtls")
"""Methods with a section. They also compare every sample of a batch with every other, so that one
process must have all of it.
"""


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


class MtlsSettings(Settings):
    """What MTLS, in our reading, has and the other methods have not; its defaults are ours too.

    ``partner`` is the modality whose stored codes this one is trained against. ``weight`` is that
    of the structure, beside the retrieval with its ``margin``; ``neighbours`` and ``temperature``
    say what a neighbourhood is. Without ``class_negatives`` a pair is not pushed away from other
    pairs of a class that it has too.
    """

    partner: str
    margin: Annotated[Number, Field(ge=0, le=2)] = 0.2
    weight: Annotated[Number, Field(ge=0)] = 1.0
    neighbours: Annotated[Whole, Field(ge=1)] = 10
    temperature: Annotated[Number, Field(gt=0)] = 0.1
    class_negatives: bool = True

    @field_validator("partner")
    @classmethod
    def _partner_name(cls, value: str) -> str:
        return checked_name(value)
