"""What the Jobs' containers do, run here one after the other as a kubelet would run them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from examples.digits.build import build
from sdml.store import Catalog, open_store
from tests.k8s.jobs.conftest import ROOT, Build

pytestmark = [pytest.mark.slow, pytest.mark.server]


class Pod:
    """Runs containers of a Job with the paths of the image moved to a folder of the test."""

    def __init__(self, folder: Path, objects: dict[str, Any], environment: dict[str, str]) -> None:
        self.result = folder / "termination-log"
        self.result.touch()  # the kubelet makes it
        self._moved = {
            "/opt/sdml/app/examples/digits/data": str(folder.parent / "data"),
            "/etc/sdml": str(folder),
            "/dev/termination-log": str(self.result),
        }
        self._template = objects["Job"]["spec"]["template"]
        self._environment = {**os.environ, "SDML_SCRATCH": str(folder / "scratch"), **environment}
        text = objects["ConfigMap"]["data"]["experiment.yaml"]
        quick = text.replace("epochs: 40", "epochs: 2").replace("${MLFLOW_TRACKING_URI}", "null")
        (folder / "experiment.yaml").write_text(self._move(quick))

    def run(self) -> list[int]:
        """The exit codes, until the first that is not 0."""
        spec, codes = self._template["spec"], []
        for container in [*spec["initContainers"], *spec["containers"]]:
            assert container["command"] == ["sdml"]
            done = subprocess.run(
                [sys.executable, "-m", "sdml", *(self._move(one) for one in container["args"])],
                cwd=ROOT,
                env=self._environment,
                check=False,
            )
            codes.append(done.returncode)
            if done.returncode:
                break
        return codes

    def _move(self, text: str) -> str:
        labels = self._template["metadata"]["labels"]
        text = text.replace("$(SDML_MODALITY)", labels.get("sdml.dev/modality", ""))
        for old, new in self._moved.items():
            text = text.replace(old, new)
        return text


def test_the_example_and_then_a_new_modality(
    built: Build, tmp_path: Path, s3_environment: str
) -> None:
    build(tmp_path / "data")
    environment = {"SDML_STORE": f"{s3_environment}/store"}
    pods = {}
    for name in ("example", "train-modality"):
        folder = tmp_path / name
        folder.mkdir()
        pods[name] = Pod(folder, built(name), environment)
    # Before anything is stored a new modality has nothing to join: the user's mistake.
    assert pods["train-modality"].run() == [2]
    assert pods["example"].run() == [0, 0, 0, 0]
    catalog = Catalog(open_store(environment["SDML_STORE"]), "digits")
    before = {version.path for version in catalog.inventory()}
    assert pods["train-modality"].run() == [0, 0]
    assert catalog.modalities("encoder") == ["audio", "image", "text"]
    assert before < {version.path for version in catalog.inventory()}
    result = json.loads(pods["train-modality"].result.read_text())
    assert result["encoder"] == catalog.latest("encoder", "audio").uri
