"""Train as a Kubeflow task: one modality, alone, in its own pod."""

from typing import Optional

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def train(
    experiment: str,
    modality: str,
    prepared: dsl.Input[dsl.Dataset],
    encoder: dsl.Output[dsl.Model],
    metrics: dsl.Output[dsl.Metrics],
    weight: Optional[float] = None,  # noqa: UP045  (KFP reads this form of the annotation)
) -> None:
    """Train the encoder of one modality against the pinned subspace.

    Args:
        experiment: content of the experiment file.
        modality: which one.
        prepared: what the prepare task has pinned.
        encoder: JSON with the encoder's URI, modality and λ.
        metrics: best epoch, epochs and seconds.
        weight: λ, the weight of reconstruction, in place of the file's.
    """
    from sdml.steps.pipeline_task import Pins, pipeline_task, train_pinned

    with pipeline_task(experiment) as context:
        trained = train_pinned(context, Pins.read(prepared.path), modality, lambda_=weight)
        trained.write(encoder.path)
        encoder.metadata.update(trained.summary())
        metrics.log_metric("best_epoch", trained.best_epoch)
        metrics.log_metric("epochs", trained.epochs)
        metrics.log_metric("seconds", round(trained.seconds, 3))
