"""docs/cluster.md: its overlay builds, and the paths and images that it names exist."""

from __future__ import annotations

import os
import re
from pathlib import Path

from k8s.check.kustomizations import ROOT, objects, render
from k8s.check.schemas import problems_of
from tests.k8s.manifests import named, objects_of, pods

TEXT = (ROOT.parent / "docs" / "cluster.md").read_text(encoding="utf-8")


def block_after(marker: str) -> str:
    """The first fenced YAML after a text, without its indentation."""
    found = re.search(r"^( *)```yaml\n(.*?)^\1```", TEXT.split(marker, 1)[1], re.S | re.M)
    assert found
    return "\n".join(line.removeprefix(found[1]) for line in found[2].splitlines()) + "\n"


def test_the_overlay_of_ones_own_changes_everything_that_it_says(tmp_path: Path) -> None:
    objects_of("base")
    production = os.path.relpath(ROOT / "overlays" / "production", tmp_path)
    written = block_after("<!-- overlay: k8s/overlays/my-cluster/kustomization.yaml -->")
    (tmp_path / "kustomization.yaml").write_text(written.replace("../production", production))
    made = objects(render(tmp_path))
    assert [line for item in made for line in problems_of(item, ("1.36",))] == []
    endpoints = named(made, "ConfigMap", "sdml-endpoints")["data"]
    assert endpoints["AWS_ENDPOINT_URL_S3"] == "https://rgw.example.org"
    assert endpoints["MLFLOW_TRACKING_URI"] == "http://mlflow.sdml.svc:5000"
    deployment = named(made, "Deployment", "mlflow")
    assert deployment["spec"]["template"]["spec"]["nodeSelector"] == {"pool": "services"}
    (mlflow,) = pods([deployment])
    assert {c["image"] for c in mlflow.containers} == {"ghcr.io/me/sdml-mlflow:0.1.0"}
    settings = mlflow.containers[1]["envFrom"][0]["configMapRef"]["name"]
    data = named(made, "ConfigMap", settings)["data"]
    assert data["MLFLOW_BACKEND_STORE_URI"].startswith(
        "postgresql+psycopg2://mlflow@db.example.org"
    )
    hard = named(made, "ResourceQuota", "accelerators")["spec"]["hard"]
    assert hard == {"requests.amd.com/gpu": "16"}
    assert named(made, "ResourceQuota", "compute")["spec"]["hard"]["requests.cpu"] == "128"
    api = named(made, "NetworkPolicy", "kubernetes-api")["spec"]["egress"][0]["to"]
    assert api == [{"ipBlock": {"cidr": "10.0.0.1/32"}}]


def test_the_storage_class_of_all_volumes(tmp_path: Path) -> None:
    objects_of("base")
    standalone = os.path.relpath(ROOT / "overlays" / "standalone", tmp_path)
    patch = block_after("a storage class for all volumes is")
    indented = "".join(f"  {line}\n" for line in patch.splitlines())
    (tmp_path / "kustomization.yaml").write_text(f"resources: [{standalone}]\npatches:\n{indented}")
    claims = [c for c in objects(render(tmp_path)) if c["kind"] == "PersistentVolumeClaim"]
    assert len(claims) == 3
    assert {claim["spec"]["storageClassName"] for claim in claims} == {"fast"}


def test_the_external_secret_is_of_a_known_kind() -> None:
    (secret,) = objects(block_after("one object for each takes the place"))
    assert problems_of(secret) == []
    assert f"`{secret['spec']['target']['name']}`" in TEXT


def test_an_image_is_built_before_it_is_pushed() -> None:
    block = TEXT.split("**Push the images**", 1)[1].split("```")[1]
    build, push = block.split("for image in", 1)
    built = {
        f"sdml:0.1.0-{found or 'cpu'}" for found in re.findall(r"image(?: TARGET=(\w+))?\n", build)
    }
    assert set(re.findall(r"\bsdml:\S+?-[cg]pu\b", push)) == built


def test_paths_and_images_that_it_names_exist() -> None:
    for path in re.findall(r"\bk8s/[\w./-]+", TEXT):
        if "my-cluster" not in path:
            assert (ROOT.parent / path.rstrip("./")).exists(), path
    images = {c["image"] for pod in pods(objects_of("overlays/trial")) for c in pod.containers}
    for image in images - {i for i in images if "/" in i}:
        assert image in TEXT, image
