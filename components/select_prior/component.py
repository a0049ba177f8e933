"""Select a prior as a Kubeflow task: the best one of this run becomes the subspace."""

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def select_prior(
    experiment: str,
    gathered: dsl.Input[dsl.Artifact],
    selected: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    store: str = "",
    tracking: str = "",
) -> None:
    """Make the best-scored prior of this run the collection's subspace; never cached.

    Args:
        experiment: content of the experiment file, or its s3:// address.
        gathered: records of the priors learned in this run.
        selected: the subspace's URI.
        metrics: the score of each modality.
        store: in place of the file's store.
        tracking: in place of the file's tracking address.
    """
    from pathlib import Path

    from sdml.steps.pipeline import pipeline_task, read_priors, select_prior_pinned

    with pipeline_task(experiment, name="select", store=store, tracking=tracking) as task:
        made = select_prior_pinned(task, read_priors(gathered.path))
        Path(selected.path).write_text(made.subspace)
        selected.metadata.update({"subspace": made.subspace, "modality": made.modality})
        for modality, score in made.scores.items():
            metrics.log_metric(f"score/{modality}", score)
