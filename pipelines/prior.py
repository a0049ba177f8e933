"""The prior pipeline: a class matrix of each modality alone, and the best one as the subspace.

The same tasks as the train pipeline until the loop, which learns priors (method drcl); a selection
is in place of the evaluation. Train and new-modality then find the subspace in the store.
"""

from kfp.dsl.base_component import BaseComponent

from pipelines.assembly import assemble
from pipelines.lanes import Plan

NAME = "prior"


def build(plan: Plan) -> BaseComponent:
    """The pipeline."""
    return assemble(
        plan,
        name=NAME,
        description="Learn a prior from each modality alone, then make the best one the subspace.",
        prior=True,
    )
