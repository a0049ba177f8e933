"""The new-modality pipeline: one more network against the stored subspace, then all pairs.

The same tasks as the train pipeline, but preparation refuses to make a subspace, and the
evaluation takes the other modalities' encoders from the store, as they are.
"""

from __future__ import annotations

from kfp.dsl.base_component import BaseComponent

from pipelines import train

NAME = "new-modality"


def build(parallelism: int | None = None) -> BaseComponent:
    """The pipeline; ``parallelism`` bounds how many new modalities train at once."""
    return train.build(parallelism, name=NAME, new_modality=True)
