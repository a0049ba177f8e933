"""The train pipeline: each modality alone, then all pairs."""

from kfp.dsl.base_component import BaseComponent

from pipelines.assembly import assemble
from pipelines.lanes import Plan

NAME = "train"


def build(plan: Plan) -> BaseComponent:
    """The pipeline."""
    return assemble(
        plan, name=NAME, description="Train each modality alone, then evaluate all pairs."
    )
