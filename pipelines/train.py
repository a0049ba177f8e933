"""The train pipeline: prepare, one training task for each modality, gather, evaluate.

No task is cached by Kubeflow, on purpose. Preparation reads sources whose content may change
behind the same path, and it starts the run's parent in tracking: a cached one would hand out
old features and an old parent. Training gets both from it, and Kubeflow compares such an input
by the artifact's identity, not by its content, so its cache would miss every time or hit
wrongly. Preparing again is cheap and stores nothing new: an unchanged source gives the
feature set that is already stored.
"""

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
    description: str = "Train each modality alone, then evaluate all pairs.",
    new_modality: bool = False,
) -> BaseComponent:
    """The pipeline.

    Args:
        parallelism: how many modalities train at once; None for all.
        name: the pipeline's name.
        description: one line for the list of pipelines.
        new_modality: the subspace must already be stored, and stays as it is.
    """

    @dsl.pipeline(name=f"sdml-{name}", description=description)
    def pipeline(experiment: str, modalities: list) -> None:
        prepared = prepare(
            experiment=experiment,
            modalities=modalities,
            new_modality=new_modality,
            pipeline=name,
            pipeline_run=dsl.PIPELINE_JOB_ID_PLACEHOLDER,
        )
        prepared.set_display_name("Prepare").set_caching_options(False)
        pins = prepared.outputs["prepared"]
        with dsl.ParallelFor(modalities, name="each-modality", parallelism=parallelism) as modality:
            trained = train(experiment=experiment, modality=modality, prepared=pins)
            trained.set_display_name("Train").set_caching_options(False)
        gathered = gather(encoders=dsl.Collected(trained.outputs["encoder"]))
        gathered.set_display_name("Gather").set_caching_options(False)
        evaluated = evaluate(
            experiment=experiment, prepared=pins, gathered=gathered.outputs["gathered"]
        )
        evaluated.set_display_name("Evaluate").set_caching_options(False)

    return pipeline
