"""Components for Jobs: what a GPU and a queue change, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

from k8s.check.kustomizations import ROOT, Object, objects, render
from tests.k8s.manifests import objects_of, of_kind


def job_with(component: str, folder: Path) -> tuple[Object, Object]:
    """The Job of ``jobs/train-modality`` as it is, and with a component."""
    plain = objects_of("jobs/train-modality")
    (folder / "kustomization.yaml").write_text(
        f"resources: [{os.path.relpath(ROOT / 'jobs/train-modality', folder)}]\n"
        f"components: [{os.path.relpath(ROOT / 'components' / component, folder)}]\n"
    )
    (before,) = of_kind(plain, "Job")
    (after,) = of_kind(objects(render(folder)), "Job")
    return before, after


def test_a_job_with_a_gpu(tmp_path: Path) -> None:
    before, after = job_with("gpu", tmp_path)
    spec = after["spec"]["template"]["spec"]
    (train,) = spec["containers"]
    assert train["image"] == "sdml:0.1.0-gpu"
    assert train["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert train["resources"]["requests"]["nvidia.com/gpu"] == "1"
    assert spec["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert spec["tolerations"][0]["key"] == "nvidia.com/gpu"
    (old,) = before["spec"]["template"]["spec"]["containers"]
    assert {**train, "image": "", "resources": {}} == {**old, "image": "", "resources": {}}


def test_a_job_in_a_queue(tmp_path: Path) -> None:
    before, after = job_with("kueue-queue", tmp_path)
    assert after["metadata"]["labels"].pop("kueue.x-k8s.io/queue-name") == "sdml"
    assert after == before


def test_the_queue_counts_all_that_jobs_ask_for() -> None:
    made = objects(render(ROOT / "components" / "kueue"))
    (queue,) = of_kind(made, "ClusterQueue")
    (group,) = queue["spec"]["resourceGroups"]
    flavors = {item["metadata"]["name"] for item in of_kind(made, "ResourceFlavor")}
    assert {flavor["name"] for flavor in group["flavors"]} == flavors
    for flavor in group["flavors"]:
        assert [entry["name"] for entry in flavor["resources"]] == group["coveredResources"]
    assert {"cpu", "memory", "nvidia.com/gpu"} == set(group["coveredResources"])
    for item in made:
        expected = "sdml" if item["kind"] == "LocalQueue" else None
        assert item["metadata"].get("namespace") == expected
