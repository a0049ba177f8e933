"""Prepare as a Kubeflow task: feature sets, the subspace, and the run's parent in tracking."""

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def prepare(
    experiment: str,
    modalities: list,
    new_modality: bool,
    pipeline: str,
    pipeline_run: str,
    prepared: dsl.Output[dsl.Dataset],
) -> None:
    """Prepare modalities and pin the versions that the rest of the run works with.

    Args:
        experiment: content of the experiment file.
        modalities: names in it to prepare.
        new_modality: the collection's subspace must already be stored.
        pipeline: name of the pipeline, for the tracking run.
        pipeline_run: id that joins the tracking runs of this pipeline run.
        prepared: JSON with the URIs of the subspace and the feature sets, and the parent run.
    """
    from sdml.steps.pipeline_task import begin, pipeline_task

    with pipeline_task(experiment) as context:
        pins = begin(
            context,
            modalities=modalities,
            new_modality=new_modality,
            pipeline=pipeline,
            pipeline_run=pipeline_run,
        )
        pins.write(prepared.path)
        prepared.metadata["subspace"] = pins.subspace
        for modality, uri in pins.features.items():
            prepared.metadata[f"features_{modality}"] = uri
