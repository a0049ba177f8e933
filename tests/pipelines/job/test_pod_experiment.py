from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipelines.job.pod_experiment import read_for_pod
from sdml.errors import ExperimentError
from tests.pipelines.job.conftest import AUDIO, write


def test_keeps_the_text_and_its_variables(
    experiment_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDML_STORE", "/a/folder/here")  # of no concern to the pod
    source = read_for_pod(experiment_file, "audio")
    assert source.text == experiment_file.read_text()
    assert "${SDML_STORE}" in source.text
    assert source.experiment.collection == "tiny"
    assert source.notes == ()


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"store": ".sdml/store"}, r"store must be an s3:// address.*'\.sdml/store'.*SDML_STORE"),
        ({"store": "/data/store"}, "store must be an s3:// address.*'/data/store'"),
        ({"tracking": "sqlite:///.sdml/m.db"}, "tracking must be a server.*sqlite"),
        ({"tracking": "file:///runs"}, "tracking must be a server"),
        ({"tracking": "http://localhost:5000"}, "that pods reach.*localhost:5000.*MLFLOW_TRACKING"),
        ({"tracking": "http://127.0.0.1:5000"}, "that pods reach.*the pod itself"),
        ({"tracking": "http://[::1]:5000"}, "that pods reach.*the pod itself"),
        ({"tracking": "http://[::1"}, "tracking must be a server's address.*Invalid IPv6"),
        ({"tracking": "https://me:pw@mlflow.example"}, "user or password.*line 3"),
        ({"tracking": "https://token@mlflow.example"}, "user or password"),
        ({"modalities": {"audio": {"source": "audio.npz"}}}, "s3://.*got 'audio.npz'"),
        ({"modalities": {"audio": {"source": "http://h/a.npz"}}}, "got 'http://h/a.npz'"),
        ({"modalities": {"audio": {**AUDIO, "labels": "y.npy"}}}, r"audio\.labels.*got 'y.npy'"),
        (
            {"modalities": {"audio": {**AUDIO, "labels": {"train": "y.npy"}}}},
            r"audio\.labels\.train.*got 'y.npy'",
        ),
        ({"collection": "${COLLECTION}"}, "as the pod will read it.*COLLECTION is not set"),
        ({"modalities": {"image": AUDIO}}, "'audio' is not in the experiment file.*image"),
        ({"colection": "x"}, "colection"),
    ],
)
def test_refuses_what_cannot_work_in_a_pod(
    tmp_path: Path, sections: dict[str, Any], words: str
) -> None:
    file = write(tmp_path, **sections)
    with pytest.raises(ExperimentError, match=words) as refused:
        read_for_pod(file, "audio")
    assert str(refused.value).count(str(file)) == 1
    assert "\n" not in str(refused.value)


def test_a_default_that_is_no_place_for_a_cluster_is_refused(tmp_path: Path) -> None:
    """Neither store nor tracking is said: both would lie in the pod and end with it."""
    file = tmp_path / "experiment.yaml"
    file.write_text("collection: tiny\nmodalities: {audio: {source: 's3://data/audio.npz'}}\n")
    with pytest.raises(ExperimentError, match="store must be"):
        read_for_pod(file, "audio")
    file.write_text(file.read_text() + "store: s3://b/p\n")
    with pytest.raises(ExperimentError, match="tracking must be"):
        read_for_pod(file, "audio")
    file.write_text(file.read_text() + "tracking: null\n")
    assert read_for_pod(file, "audio").experiment.tracking is None


def test_a_default_is_for_the_laptop(tmp_path: Path) -> None:
    file = write(tmp_path, store="${SDML_STORE:-.sdml/store}")
    assert read_for_pod(file, "audio").experiment.store.startswith("s3://")


def test_a_default_tracking_server_is_for_the_laptop(tmp_path: Path) -> None:
    file = write(tmp_path, tracking="${MLFLOW_TRACKING_URI:-http://localhost:5000}")
    assert read_for_pod(file, "audio").experiment.tracking == "http://tracking:5000"


def test_only_the_sources_of_this_modality_matter(tmp_path: Path) -> None:
    file = write(tmp_path, modalities={"audio": AUDIO, "image": {"source": "image.npz"}})
    assert read_for_pod(file, "audio").notes == ()


def test_an_absolute_path_is_noted(tmp_path: Path) -> None:
    file = write(tmp_path, modalities={"audio": {"source": "/scratch/audio.npz"}})
    [note] = read_for_pod(file, "audio").notes
    assert note.startswith("modalities.audio.source: /scratch/audio.npz must exist in the pod")


def test_a_file_that_no_config_map_holds_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path)
    file.write_text(file.read_text() + "#" * 1_000_000)
    with pytest.raises(ExperimentError, match="holds 1000000 bytes"):
        read_for_pod(file, "audio")


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_an_unreadable_file_is_refused(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "experiment.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ExperimentError, match="cannot be read as an experiment file"):
        read_for_pod(file, "audio")
