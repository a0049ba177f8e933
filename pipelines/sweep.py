"""The sweep pipeline: every λ × every modality, then an evaluation for each λ.

λ and modality are flattened into one list of cases, for loops over run-time lists must not
be nested (the local runner mixes up the outer item).
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

    @dsl.pipeline(name=f"sdml-{NAME}", description="Train every λ × modality, evaluate each λ.")
    def pipeline(experiment: str, modalities: list, cases: list, weights: list) -> None:
        pins = prepare(
            experiment=experiment,
            modalities=modalities,
            new_modality=False,
            pipeline=NAME,
            pipeline_run=dsl.PIPELINE_JOB_ID_PLACEHOLDER,
        ).outputs["prepared"]
        with dsl.ParallelFor(cases, parallelism=parallelism) as case:
            trained = train(
                experiment=experiment, modality=case.modality, weight=case.weight, prepared=pins
            )
        records = gather(encoders=dsl.Collected(trained.outputs["encoder"])).outputs["gathered"]
        with dsl.ParallelFor(weights, parallelism=parallelism) as weight:
            evaluated = evaluate(
                experiment=experiment, prepared=pins, gathered=records, weight=weight
            )
            evaluated.set_caching_options(False)

    return pipeline
