from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sdml.experiment import read_experiment
from tests.cli.conftest import Run
from tests.steps import tiny


def test_what_it_writes_is_what_the_other_commands_take(run: Run, tmp_path: Path) -> None:
    tiny.write_sources(tmp_path, "image", "text")
    output = tmp_path / "new.yaml"
    made = run(
        "init", tmp_path / "image.npz", f"words={tmp_path / 'text.npz'}",
        "--collection", "pets", "--output", output, "--json",
    )  # fmt: skip
    assert (made.code, made.err) == (0, "")
    assert made.json == {
        "file": str(output),
        "modalities": ["image", "words"],
        "unreadable": {},
    }
    assert read_experiment(output).collection == "pets"
    assert run("prepare", output, "--json").json["features"].keys() == {"image", "words"}


def test_by_default_it_writes_here(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.write_sources(tmp_path, "image")
    monkeypatch.chdir(tmp_path)
    made = run("init", "image.npz")
    assert made.out == "experiment.yaml: image\nnext: sdml prepare experiment.yaml\n"
    assert "source: image.npz\n" in (tmp_path / "experiment.yaml").read_text()
    again = run("init", "image.npz")
    assert again.code == 2
    assert again.err.startswith("sdml: error: experiment.yaml: exists already")


def test_what_cannot_be_read_yet_is_said(run: Run, tmp_path: Path) -> None:
    np.savez(tmp_path / "image.npz", X=np.full((4, 2), np.nan), y=np.arange(4))
    made = run("init", tmp_path / "image.npz", "--output", tmp_path / "new.yaml")
    assert made.code == 0
    assert "image: not readable yet: " in made.out
    assert "next: correct that, then sdml prepare" in made.out
