"""Train with every λ as one Kubeflow task: one modality in its own pod, all values at once."""

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def sweep(
    experiment: str,
    modality: str,
    weights: list,
    prepared: dsl.Input[dsl.Dataset],
    encoder: dsl.Output[dsl.Model],
    metrics: dsl.Output[dsl.Metrics],
    reuse: bool = True,
    store: str = "",
    tracking: str = "",
) -> None:
    """Train the encoders of one modality against the pinned subspace.

    Args:
        experiment: content of the experiment file, or its s3:// address.
        modality: which one.
        weights: values of λ.
        prepared: what the prepare task has pinned.
        encoder: JSON list with each encoder's URI, modality and λ.
        metrics: how many, and seconds.
        reuse: take stored encoders that exactly these trainings have made.
        store: in place of the file's store.
        tracking: in place of the file's tracking address.
    """
    from sdml.steps.pipeline import Pins, pipeline_task, sweep_pinned, write_records

    name = f"train {modality} with {len(weights)} values of lambda"
    with pipeline_task(experiment, name=name, store=store, tracking=tracking) as task:
        pins = Pins.read(prepared.path)
        trained = sweep_pinned(task, pins, modality, lambdas=weights, reuse=reuse)
        write_records(trained, encoder.path)
        encoder.metadata.update(
            {"modality": modality, "encoders": {f"{r.weight:g}": r.encoder for r in trained}}
        )
        metrics.log_metric("encoders", len(trained))
        metrics.log_metric("seconds", round(max(r.seconds for r in trained), 3))
