"""The new-modality pipeline: more networks against the stored subspace, then all pairs.

The same tasks as the train pipeline, but preparation refuses to make a subspace, and the
evaluation takes the other modalities' encoders from the store, as they are.
"""

from kfp.dsl.base_component import BaseComponent

from pipelines import train

NAME = "new-modality"


def build(parallelism: int | None = None) -> BaseComponent:
    """The pipeline; ``parallelism`` bounds how many new modalities train at once."""
    return train.build(
        parallelism,
        name=NAME,
        description="Train new modalities against the stored subspace, then evaluate all pairs.",
        new_modality=True,
    )
