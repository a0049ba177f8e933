"""Train as a Kubeflow task: one modality, alone, in its own pod."""

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def train(
    experiment: str,
    modality: str,
    weight: float,
    prepared: dsl.Input[dsl.Dataset],
    encoder: dsl.Output[dsl.Model],
    metrics: dsl.Output[dsl.Metrics],
    reuse: bool = True,
    processes: int = 1,
    store: str = "",
    tracking: str = "",
) -> None:
    """Train the encoder of one modality against the pinned subspace.

    Args:
        experiment: content of the experiment file, or its s3:// address.
        modality: which one.
        weight: λ, the weight of reconstruction.
        prepared: what the prepare task has pinned.
        encoder: JSON with the encoder's URI, modality and λ.
        metrics: best epoch, epochs and seconds.
        reuse: take a stored encoder that exactly this training has made.
        processes: so many share each batch, on as many accelerators of the pod.
        store: in place of the file's store.
        tracking: in place of the file's tracking address.
    """
    from sdml.steps.pipeline import Pins, pipeline_task, train_pinned

    name = f"train {modality} with lambda {weight:g}"
    with pipeline_task(experiment, name=name, store=store, tracking=tracking) as task:
        pins = Pins.read(prepared.path)
        trained = train_pinned(
            task, pins, modality, lambda_=weight, reuse=reuse, processes=processes
        )
        trained.write(encoder.path)
        encoder.metadata.update(trained.summary())
        metrics.log_metric("best_epoch", trained.best_epoch)
        metrics.log_metric("epochs", trained.epochs)
        metrics.log_metric("seconds", round(trained.seconds, 3))
