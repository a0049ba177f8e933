"""Fit a prior as a Kubeflow task: the class matrix of one modality, alone, in its own pod."""

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def fit_prior(
    experiment: str,
    modality: str,
    prepared: dsl.Input[dsl.Dataset],
    prior: dsl.Output[dsl.Model],
    metrics: dsl.Output[dsl.Metrics],
    reuse: bool = True,
    store: str = "",
    tracking: str = "",
) -> None:
    """Learn the class matrix of one modality from the pinned random subspace, and score it.

    Args:
        experiment: content of the experiment file, or its s3:// address.
        modality: which one.
        prepared: what the prepare task has pinned.
        prior: JSON with the candidate's URI, modality and score.
        metrics: score, best epoch and epochs.
        reuse: take a stored candidate that exactly this training has made.
        store: in place of the file's store.
        tracking: in place of the file's tracking address.
    """
    from sdml.steps.pipeline import Pins, fit_prior_pinned, pipeline_task

    name = f"fit prior {modality}"
    with pipeline_task(experiment, name=name, store=store, tracking=tracking) as task:
        made = fit_prior_pinned(task, Pins.read(prepared.path), modality, reuse=reuse)
        made.write(prior.path)
        prior.metadata.update(made.summary())
        metrics.log_metric("score", made.score)
        metrics.log_metric("best_epoch", made.best_epoch)
        metrics.log_metric("epochs", made.epochs)
