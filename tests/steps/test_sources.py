from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdml.errors import DataError, NotFoundError, StoreAccessError
from sdml.experiment import ModalitySettings
from sdml.steps.embed import embed
from sdml.steps.evaluate import evaluate
from sdml.steps.inventory import inventory
from sdml.steps.prepare import prepare
from sdml.steps.sources import local_source, scratch_folder
from sdml.steps.train import train
from tests.steps import tiny

TEXTS = [f"{('red', 'green', 'blue')[i % 3]} thing {i}" for i in range(30)]


def put(client: Any, bucket: str, key: str, data: bytes) -> None:
    client.put_object(Bucket=bucket.removeprefix("s3://"), Key=key, Body=data)


def test_local_paths_stay_as_they_are(tmp_path: Path) -> None:
    settings = ModalitySettings(source="/a/b.npz", labels={"train": "/a/y.txt"})
    assert local_source(settings, tmp_path, name="image") == settings
    assert list(tmp_path.iterdir()) == []


def test_the_scratch_folder_goes_also_after_an_error(tmp_path: Path) -> None:
    below = tmp_path / "a" / "b"

    def fail() -> None:
        with scratch_folder(below) as folder:
            (folder / "file").write_bytes(b"x")
            assert folder.parent == below
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert list(below.iterdir()) == []


def test_a_scratch_folder_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    with (
        pytest.raises(StoreAccessError, match="not a folder"),
        scratch_folder(tmp_path / "a" / "b"),
    ):
        pass


@pytest.mark.server
def test_sources_and_store_in_a_bucket(s3_environment: str, s3_client: Any, tmp_path: Path) -> None:
    """Everything that a cluster does: no local file but the experiment's."""
    tiny.write_sources(tmp_path, "image", "text")
    data = tiny.arrays("text")
    labels = "".join(f"{label}\n" for label in data["y"])
    np.savez(tmp_path / "text.npz", X=data["X"], split=data["split"])
    for name in ("image.npz", "text.npz"):
        put(s3_client, s3_environment, f"raw/{name}", (tmp_path / name).read_bytes())
        (tmp_path / name).unlink()
    put(s3_client, s3_environment, "raw/labels.txt", labels.encode())
    file = tiny.write_experiment(
        tmp_path,
        "image",
        "text",
        store=f"{s3_environment}/store",
        modalities={
            "image": {"source": f"{s3_environment}/raw/image.npz"},
            "text": {
                "source": f"{s3_environment}/raw/text.npz",
                "labels": f"{s3_environment}/raw/labels.txt",
            },
        },
    )
    context = tiny.open_file(file)
    made = prepare(context)
    assert made.subspace.startswith(f"{s3_environment}/store/tiny/subspaces/")
    assert prepare(context) == made
    encoders = [train(context, modality).encoder for modality in ("image", "text")]
    assert evaluate(context).pairs[0]["map"] > 0.3
    assert inventory(context, verify=True).verified > 20
    assert sorted(path.name for path in tmp_path.iterdir()) == ["experiment.yaml"]

    local = tmp_path / "local"
    local.mkdir()
    tiny.write_sources(local, "image", "text")
    beside = tiny.open_file(tiny.write_experiment(local, "image", "text"))
    prepare(beside)
    for modality, uri in zip(("image", "text"), encoders, strict=True):
        same = beside.catalog.get(train(beside, modality).encoder)
        assert context.catalog.get(uri).manifest.objects == same.manifest.objects


@pytest.mark.server
def test_a_glob_of_raw_items_brings_their_folders(
    s3_environment: str, s3_client: Any, tmp_path: Path
) -> None:
    pytest.importorskip("sklearn")
    for index, text in enumerate(TEXTS):
        key = f"raw/{text.split()[0]}/{index:02}.txt"
        put(s3_client, s3_environment, key, text.encode())
    put(s3_client, s3_environment, "other/red/99.txt", b"not this")
    words = {"source": f"{s3_environment}/raw/*/*.txt", "extractor": "bag_of_words"}
    context = tiny.open_file(tiny.write_experiment(tmp_path, modalities={"text": words}))
    made = prepare(context)
    version = context.catalog.get(made.features["text"])
    assert context.catalog.get(made.subspace).manifest.settings["classes"] == [
        "blue",
        "green",
        "red",
    ]
    assert b"red/00.txt" in b"".join(
        context.catalog.read(version, f"{split}.items.json")
        for split in ("train", "validation", "test")
    )
    train(context, "text")
    (tmp_path / "new.txt").write_text("a red thing")
    assert embed(context, "text", str(tmp_path / "new.txt"), tmp_path / "c.npy").shape == (1, 16)


@pytest.mark.server
def test_a_table_of_raw_items(s3_environment: str, s3_client: Any, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    rows = "".join(f"{text},{text.split()[0]}\n" for text in TEXTS)
    put(s3_client, s3_environment, "raw/texts.csv", f"X,y\n{rows}".encode())
    words = {"source": f"{s3_environment}/raw/texts.csv", "extractor": "bag_of_words"}
    context = tiny.open_file(tiny.write_experiment(tmp_path, modalities={"text": words}))
    assert prepare(context).features.keys() == {"text"}


@pytest.mark.server
def test_what_is_wrong_with_a_source_in_a_bucket(
    s3_environment: str, s3_client: Any, tmp_path: Path
) -> None:
    put(s3_client, s3_environment, "raw/bad.npz", b"junk")
    for source, error, message in (
        ("raw/none.npz", NotFoundError, "raw/none.npz"),
        ("raw/bad.npz", DataError, r"bucket-\w+/raw/bad.npz.*cannot be read as an .npz archive"),
    ):
        given = {"source": f"{s3_environment}/{source}"}
        file = tiny.write_experiment(tmp_path, modalities={"image": given})
        with pytest.raises(error, match=message):
            prepare(tiny.open_file(file))
    glob = {"source": f"{s3_environment}/none/*/*.txt", "extractor": "bag_of_words"}
    file = tiny.write_experiment(tmp_path, modalities={"text": glob})
    with pytest.raises(NotFoundError, match="no object lies under"):
        prepare(tiny.open_file(file))
    assert not (tmp_path / "store").exists()
