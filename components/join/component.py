"""Join as a Kubeflow task: as Prepare, after the shards of some modalities were prepared apart."""

from typing import List  # noqa: UP035  (KFP reads this form of the annotation)

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def join(
    experiment: str,
    modalities: list,
    new_modality: bool,
    inputs: str,
    parts: dsl.Input[List[dsl.Artifact]],  # noqa: UP006
    prepared: dsl.Output[dsl.Dataset],
    store: str = "",
    tracking: str = "",
    for_prior: bool = False,
) -> None:
    """Prepare modalities, some from their stored shards, and pin what came out.

    Args:
        experiment: content of the experiment file, or its s3:// address.
        modalities: names in it to prepare.
        new_modality: the collection's subspace must already be stored.
        inputs: digest of everything that is read; Kubeflow's cache depends on it.
        parts: of the shards; they are found in the store, this says that they are there.
        prepared: JSON with the URIs of the subspace and the feature sets.
        store: in place of the file's store.
        tracking: in place of the file's tracking address.
        for_prior: for the random subspace that priors start from, also where one is selected.
    """
    from sdml.steps.pipeline import pipeline_task, prepare_pinned

    with pipeline_task(experiment, name="join", store=store, tracking=tracking) as task:
        pins = prepare_pinned(
            task,
            modalities=modalities,
            new_modality=new_modality,
            inputs=inputs,
            for_prior=for_prior,
        )
        pins.write(prepared.path)
        prepared.metadata["subspace"] = pins.subspace
        prepared.metadata["shards"] = len(parts)
        for modality, uri in pins.features.items():
            prepared.metadata[f"features_{modality}"] = uri
