"""Prepare one shard of a modality as a Kubeflow task, in its own pod."""

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def prepare_shard(
    experiment: str,
    modality: str,
    shard: int,
    shards: int,
    part: dsl.Output[dsl.Artifact],
    store: str = "",
    tracking: str = "",
) -> None:
    """Read, check and extract one part of a modality's source, and store it.

    Args:
        experiment: content of the experiment file, or its s3:// address.
        modality: which one.
        shard: which part, from 1.
        shards: of how many.
        part: the URI of what was stored.
        store: in place of the file's store.
        tracking: in place of the file's tracking address.
    """
    from pathlib import Path

    from sdml.steps.pipeline import pipeline_task, prepare_shard

    name = f"prepare shard {shard} of {shards} of {modality}"
    with pipeline_task(experiment, name=name, store=store, tracking=tracking) as task:
        uri = prepare_shard(task.context, modality, shard=shard, shards=shards)
        Path(part.path).write_text(uri)
        part.metadata["part"] = uri
