"""Prepare as a Kubeflow task: feature sets and the subspace."""

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def prepare(
    experiment: str,
    modalities: list,
    new_modality: bool,
    inputs: str,
    prepared: dsl.Output[dsl.Dataset],
    store: str = "",
    tracking: str = "",
    for_prior: bool = False,
) -> None:
    """Prepare modalities and pin the versions that the rest of the run works with.

    Args:
        experiment: content of the experiment file, or its s3:// address.
        modalities: names in it to prepare.
        new_modality: the collection's subspace must already be stored.
        inputs: digest of everything that is read; Kubeflow's cache depends on it.
        prepared: JSON with the URIs of the subspace and the feature sets.
        store: in place of the file's store.
        tracking: in place of the file's tracking address.
        for_prior: for the random subspace that priors start from, also where one is selected.
    """
    from sdml.steps.pipeline import pipeline_task, prepare_pinned

    with pipeline_task(experiment, name="prepare", store=store, tracking=tracking) as task:
        pins = prepare_pinned(
            task,
            modalities=modalities,
            new_modality=new_modality,
            inputs=inputs,
            for_prior=for_prior,
        )
        pins.write(prepared.path)
        prepared.metadata["subspace"] = pins.subspace
        for modality, uri in pins.features.items():
            prepared.metadata[f"features_{modality}"] = uri
