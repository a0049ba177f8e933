"""The sweep pipeline: every λ × every modality, then an evaluation for each λ.

λ and modality are flattened into one list of cases, for loops over run-time lists must not
be nested (the local runner mixes up the outer item). λ is called ``weight`` here: ``lambda``
is a keyword, and KFP takes the underscore off ``lambda_``. Caching: see the train pipeline.
"""

from kfp import dsl
from kfp.dsl.base_component import BaseComponent

from components.evaluate.component import evaluate
from components.gather.component import gather
from components.prepare.component import prepare
from components.train.component import train

NAME = "sweep"


def build(parallelism: int | None = None) -> BaseComponent:
    """The pipeline; ``parallelism`` bounds how many networks train at once."""

    @dsl.pipeline(
        name=f"sdml-{NAME}",
        description="Train each modality alone with every λ, then evaluate all pairs for each λ.",
    )
    def pipeline(experiment: str, modalities: list, cases: list, weights: list) -> None:
        prepared = prepare(
            experiment=experiment,
            modalities=modalities,
            new_modality=False,
            pipeline=NAME,
            pipeline_run=dsl.PIPELINE_JOB_ID_PLACEHOLDER,
        )
        prepared.set_display_name("Prepare").set_caching_options(False)
        pins = prepared.outputs["prepared"]
        with dsl.ParallelFor(cases, name="each-case", parallelism=parallelism) as case:
            trained = train(
                experiment=experiment, modality=case.modality, weight=case.weight, prepared=pins
            )
            trained.set_display_name("Train").set_caching_options(False)
        gathered = gather(encoders=dsl.Collected(trained.outputs["encoder"]))
        gathered.set_display_name("Gather").set_caching_options(False)
        with dsl.ParallelFor(weights, name="each-weight", parallelism=parallelism) as weight:
            evaluated = evaluate(
                experiment=experiment,
                prepared=pins,
                gathered=gathered.outputs["gathered"],
                weight=weight,
            )
            evaluated.set_display_name("Evaluate").set_caching_options(False)

    return pipeline
