"""The train pipeline: prepare, one training task for each modality, evaluate."""

from kfp import dsl
from kfp.dsl.base_component import BaseComponent

from components.evaluate.component import evaluate
from components.gather.component import gather
from components.prepare.component import prepare
from components.train.component import train

NAME = "train"


def build(
    parallelism: int | None = None,
    *,
    name: str = NAME,
    new_modality: bool = False,
) -> BaseComponent:
    """The pipeline.

    Args:
        parallelism: how many modalities train at once; None for all.
        name: the pipeline's name.
        new_modality: the subspace must already be stored, and stays as it is.
    """

    @dsl.pipeline(name=f"sdml-{name}", description="Train each modality alone, evaluate all pairs.")
    def pipeline(experiment: str, modalities: list) -> None:
        pins = prepare(
            experiment=experiment,
            modalities=modalities,
            new_modality=new_modality,
            pipeline=name,
            pipeline_run=dsl.PIPELINE_JOB_ID_PLACEHOLDER,
        ).outputs["prepared"]
        with dsl.ParallelFor(modalities, parallelism=parallelism) as modality:
            trained = train(experiment=experiment, modality=modality, prepared=pins)
        records = gather(encoders=dsl.Collected(trained.outputs["encoder"])).outputs["gathered"]
        evaluated = evaluate(experiment=experiment, prepared=pins, gathered=records)
        evaluated.set_caching_options(False)

    return pipeline
