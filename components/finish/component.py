"""Finish as a Kubeflow exit task: the outcome of the run on its parent in tracking."""

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def finish(
    experiment: str,
    status: dsl.PipelineTaskFinalStatus,
    store: str = "",
    tracking: str = "",
) -> None:
    """Record how the run ended: finished, failed or killed, and which task failed.

    Args:
        experiment: content of the experiment file, or its s3:// address.
        status: filled in by Kubeflow.
        store: in place of the file's store.
        tracking: in place of the file's tracking address.
    """
    from sdml.steps.pipeline import finish, pipeline_task

    with pipeline_task(experiment, name="finish", store=store, tracking=tracking) as task:
        finish(task, status.state, status.error_message or "")
