"""The cluster section and each modality's resources."""

from __future__ import annotations

import pytest

from sdml.errors import ExperimentError
from sdml.experiment import dump_experiment, parse_experiment

FILE = """
collection: zoo
cluster:
  image: registry.example/sdml:7-cpu
  resources: {memory: 8Gi, retries: 1, queue: research}
modalities:
  image:
    source: a.npz
    resources:
      accelerator: nvidia.com/gpu
      count: 2
      cpu: 8
      tolerations: [{key: nvidia.com/gpu, effect: NoSchedule}]
  text: {source: b.npz}
"""


def test_a_modality_overrides_what_all_tasks_ask_for() -> None:
    experiment = parse_experiment(FILE)
    image, text = experiment.resources_of("image"), experiment.resources_of("text")
    assert (image.accelerator, image.count, image.cpu, image.memory) == (
        "nvidia.com/gpu",
        2,
        "8",
        "8Gi",
    )
    assert (text.accelerator, text.cpu, text.memory, text.retries) == (None, "2", "8Gi", 1)
    assert image.queue == text.queue == "research"
    assert image.tolerations[0].operator == "Exists"


def test_the_image_follows_the_accelerator() -> None:
    experiment = parse_experiment(FILE)
    cluster = experiment.cluster
    assert cluster.image_for(experiment.resources_of("text")) == "registry.example/sdml:7-cpu"
    assert cluster.image_for(experiment.resources_of("image")) == cluster.gpu_image
    own = experiment.resources_of("image").model_copy(update={"image": "mine:1"})
    assert cluster.image_for(own) == "mine:1"


def test_it_is_written_and_read_again() -> None:
    experiment = parse_experiment(FILE)
    assert parse_experiment(dump_experiment(experiment)) == experiment


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("{cpu: lots}", "resources.cpu: an amount of CPU"),
        ("{memory: 4GB}", "resources.memory: an amount of memory"),
        ("{cpu: 4, cpu_limit: 2}", "cpu_limit 2 is below cpu 4"),
        ("{memory: 4Gi, memory_limit: 1Gi}", "memory_limit 1Gi is below memory 4Gi"),
        ("{memory_limit: 1Gi}", "modalities.a.resources: memory_limit 1Gi is below memory 4Gi"),
        ("{tolerations: [{key: a, value: b}]}", "value goes with operator: Equal"),
        ("{tolerations: [{operator: Equal, value: b}]}", "needs a key"),
        ("{tolerations: [{seconds: 3}]}", "effect: NoExecute"),
        ("{scratch: {size: 0}}", "resources.scratch.size"),
        ("{gpus: 1}", "unknown key; allowed here: accelerator, count, cpu"),
    ],
)
def test_impossible_resources_are_refused(section: str, words: str) -> None:
    with pytest.raises(ExperimentError) as caught:
        parse_experiment(f"collection: a\nmodalities: {{a: {{source: x, resources: {section}}}}}")
    assert words in str(caught.value)


def test_limits_are_compared_after_merging() -> None:
    with pytest.raises(ExperimentError, match="memory_limit 8Gi is below memory 16Gi"):
        parse_experiment(
            "collection: a\ncluster: {resources: {memory: 16Gi}}\n"
            "modalities: {a: {source: x, resources: {memory_limit: 8Gi}}}"
        )


def test_names_in_a_cluster_are_checked() -> None:
    with pytest.raises(ExperimentError, match=r"cluster\.store_secret"):
        parse_experiment(
            "collection: a\ncluster: {store_secret: My Secret}\nmodalities: {a: {source: x}}"
        )
