"""The sweep pipeline: every λ × every modality, then an evaluation for each λ.

λ and modality are flattened into one list of trainings, for loops over run-time lists must not
be nested (the local runner mixes up the outer item). λ is called ``weight`` among parameters:
``lambda`` is a keyword, and KFP takes the underscore off ``lambda_``.
"""

from kfp.dsl.base_component import BaseComponent

from pipelines.assembly import assemble
from pipelines.lanes import Plan

NAME = "sweep"


def build(plan: Plan) -> BaseComponent:
    """The pipeline."""
    return assemble(
        plan,
        name=NAME,
        description="Train each modality alone with every λ, then evaluate all pairs for each λ.",
        sweep=True,
    )
