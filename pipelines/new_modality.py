"""The new-modality pipeline: more networks against the stored subspace, then all pairs.

The same tasks as the train pipeline, but none makes a subspace, and the evaluation takes the
other modalities' encoders from the store, as they are.
"""

from kfp.dsl.base_component import BaseComponent

from pipelines.assembly import assemble
from pipelines.lanes import Plan

NAME = "new-modality"


def build(plan: Plan) -> BaseComponent:
    """The pipeline."""
    return assemble(
        plan,
        name=NAME,
        description="Train new modalities against the stored subspace, then evaluate all pairs.",
        new_modality=True,
    )
