"""``sdml train`` with method mtls: one modality against another's stored codes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Run
from tests.cli.test_train_several import sdml
from tests.steps import paired, tiny


def collection(folder: Path, run: Run, **text: object) -> Path:
    paired.write_sources(folder)
    file = tiny.write_experiment(folder, "image", "text", **paired.sections(**text))
    assert run("prepare", file).code == 0
    return file


def test_a_partner_that_was_not_trained_is_named_with_the_command(run: Run, tmp_path: Path) -> None:
    file = collection(tmp_path, run)
    refused = run("train", file, "--modality", "text")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.count("\n") == 1
    assert "run 'sdml train FILE.yaml --modality image' first" in refused.err
    assert run("train", file, "--modality", "image").code == 0
    assert run("train", file, "--modality", "text").code == 0
    shown = run("evaluate", file, "--json").json
    assert shown["mean_map"] > 0.45  # by chance 0.25


@pytest.mark.slow
def test_all_of_the_file_in_the_order_that_it_takes(run: Run, tmp_path: Path) -> None:
    file = collection(tmp_path, run)
    done = sdml("train", file, "--modality=text", "--modality=image", "--json")
    assert done.returncode == 0, done.stderr
    text, image = json.loads(done.stdout)
    assert (text["modality"], image["modality"]) == ("text", "image")
    manifest = json.loads((Path(text["encoder"]) / "manifest.json").read_text())
    assert image["encoder"].endswith(manifest["made_from"]["partner"])
    again = sdml("train", file, "--reuse", "--json")
    assert [one["reused"] for one in json.loads(again.stdout)] == [True, True]


@pytest.mark.slow
def test_without_its_partner_it_does_not_begin(run: Run, tmp_path: Path) -> None:
    file = collection(tmp_path, run)
    (features,) = (tmp_path / "store").glob("tiny/features/image/*/train.features.npy")
    np.save(features, np.zeros((3, 3), np.float32))  # damaged
    done = sdml("train", file)
    assert done.returncode == 1
    assert "2 were not trained: image (exit code 1), text (not begun)" in done.stderr


@pytest.mark.slow
def test_several_processes_cannot_share_its_batches(run: Run, tmp_path: Path) -> None:
    file = collection(tmp_path, run)
    assert run("train", file, "--modality", "image").code == 0
    refused = sdml("train", file, "--modality", "text", "--processes", "2")
    assert refused.returncode == 2
    assert refused.stderr.count("method mtls trains in one process, not in 2") == 1
