"""Begin as a Kubeflow task: the run's parent in tracking, and what a preparation depends on."""

from typing import NamedTuple

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def begin(
    experiment: str,
    modalities: list,
    new_modality: bool,
    pipeline: str,
    store: str = "",
    tracking: str = "",
) -> NamedTuple("Begun", [("inputs", str), ("encoders", dict)]):  # type: ignore[valid-type]
    """Start the tracking parent and look at the sources; never cached.

    Args:
        experiment: content of the experiment file, or its s3:// address.
        modalities: names in it to prepare.
        new_modality: the collection's subspace must already be stored.
        pipeline: name of the pipeline, for the tracking run.
        store: in place of the file's store.
        tracking: in place of the file's tracking address.

    Returns:
        inputs: a digest that changes with the sources, the stored subspace and the settings.
        encoders: URIs of other modalities' encoders, for the evaluation.
    """
    from sdml.steps.pipeline import begin, pipeline_task

    with pipeline_task(experiment, name="begin", store=store, tracking=tracking) as task:
        begun = begin(task, modalities=modalities, new_modality=new_modality, pipeline=pipeline)
    return begun.inputs, begun.encoders
