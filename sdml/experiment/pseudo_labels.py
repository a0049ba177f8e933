"""Pseudo-labels: classes that a training gives to its own unlabelled samples."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sdml.experiment.base import Number, Settings, Whole


class PseudoLabelSettings(Settings):
    """From ``start_epoch`` on, at the start of each epoch, an unlabelled training sample counts for
    its most likely class, if the encoder's posterior of that is at least ``threshold``. Earlier, an
    encoder is sure of what is wrong.
    """

    threshold: Annotated[Number, Field(gt=0, le=1)] = 0.9
    start_epoch: Annotated[Whole, Field(ge=1)] = 20


def threshold_alone(value: object) -> object:
    """The section may be written as its threshold."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return {"threshold": value} if is_number else value
