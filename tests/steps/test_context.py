from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest

from sdml.errors import ExperimentError, IntegrityError, MissingExtraError, SubspaceError
from sdml.experiment import read_experiment
from sdml.steps import context as module
from sdml.steps.context import Context, origin, read_subspace
from sdml.steps.prepare import prepare
from sdml.subspace import Subspace
from sdml.tracking import NullTracker
from tests.steps import tiny
from tests.steps.conftest import MakeContext


def test_opening_writes_nothing(tmp_path: Path) -> None:
    tiny.write_sources(tmp_path, "image")
    file = tiny.write_experiment(tmp_path, "image", tracking="sqlite:///mlflow.db")
    before = sorted(tmp_path.rglob("*"))
    context = Context.open(read_experiment(file), track=False)
    assert sorted(tmp_path.rglob("*")) == before
    assert isinstance(context.tracker, NullTracker)
    assert context.catalog.uri == str(tmp_path / "store" / "tiny")


def test_temporary_files_go_where_the_variable_says(
    make: MakeContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDML_SCRATCH", str(tmp_path / "scratch" / "new"))
    context = make()
    assert context.scratch == tmp_path / "scratch" / "new"
    prepare(context)
    assert (tmp_path / "scratch" / "new").is_dir()
    assert list((tmp_path / "scratch" / "new").iterdir()) == []


def test_a_modality_that_is_not_in_the_file(make: MakeContext) -> None:
    with pytest.raises(
        ExperimentError, match=r"'audio' is not in the experiment file.*image, text"
    ):
        make().modality("audio")


def test_without_mlflow_a_file_that_is_silent_is_not_tracked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def missing(uri: str | None) -> None:
        raise MissingExtraError("MLflow tracking", "tracking")

    monkeypatch.setattr(module, "open_tracker", missing)
    tiny.write_sources(tmp_path, "image")
    content = tiny.settings("image")
    del content["tracking"]
    (tmp_path / "a.yaml").write_text(json.dumps(content))
    with caplog.at_level(logging.WARNING, logger="sdml"):
        context = Context.open(read_experiment(tmp_path / "a.yaml"))
    assert isinstance(context.tracker, NullTracker)
    assert "not tracked" in caplog.text
    assert "sdml[tracking]" in caplog.text


def test_without_mlflow_a_file_that_asks_for_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(uri: str | None) -> None:
        raise MissingExtraError("MLflow tracking", "tracking")

    monkeypatch.setattr(module, "open_tracker", missing)
    file = tiny.write_experiment(tmp_path, "image", tracking="sqlite:///mlflow.db")
    with pytest.raises(MissingExtraError, match=r"pip install 'sdml\[tracking\]'"):
        Context.open(read_experiment(file))


def test_a_subspace_under_another_id_is_refused(make: MakeContext) -> None:
    context = make()
    other = Subspace.random(["a", "b"], dimension=4, seed=0)
    version = context.catalog.publish(
        "subspace",
        id="0123456789abcdef",
        objects={"projection.safetensors": other.to_bytes()},
    )
    with pytest.raises(SubspaceError, match=f"0123456789abcdef.*{other.identity}"):
        read_subspace(context.catalog, version)


def test_the_stored_subspace_is_the_one_that_was_made(make: MakeContext) -> None:
    context = make()
    made = prepare(context)
    features = context.catalog.get(made.features["image"])
    version, subspace = context.subspace_of(features)
    assert version.uri == made.subspace
    expected = Subspace.random(["0", "1", "2"], dimension=16, seed=0)
    assert np.array_equal(subspace.projection_KC, expected.projection_KC)


def test_lineage_that_is_not_there_names_the_manifest(make: MakeContext) -> None:
    context = make()
    version = context.catalog.publish("encoder", modality="image", objects={"a": b"b"})
    with pytest.raises(IntegrityError, match=f"{version.uri}/manifest.json.*features"):
        origin(version, "features")
