"""A modality prepared in shards has the bytes of one that was not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sdml.errors import DataError, IntegrityError, NotFoundError, UserError
from sdml.steps.context import Context
from sdml.steps.prepare import prepare
from sdml.steps.shards import prepare_shard
from sdml.steps.sources import source_state
from tests.steps import tiny

Sections = dict[str, Any]


def context_of(folder: Path, source: Sections, shards: int) -> Context:
    """A collection of one modality in a store named after the number of shards."""
    folder.mkdir(exist_ok=True)
    sections = {
        "store": f"store{shards}",
        "modalities": {"image": {**source, "shards": shards}},
    }
    return tiny.open_file(tiny.write_experiment(folder, "image", **sections))


def objects(context: Context) -> dict[str, str]:
    [version] = context.catalog.versions("features")
    assert context.catalog.verify(version) == []
    # previews are for people, and a part has none: it does not know its test items
    return {
        record.name: record.sha256
        for record in version.manifest.objects
        if record.name != "test.previews.json"
    }


def parts(context: Context) -> list[str]:
    return [info.key for info in context.catalog.store.list("tiny/checkpoints/")]


def vectors(folder: Path) -> Sections:
    """One archive of 61 float64 vectors."""
    generator = np.random.default_rng(0)
    np.savez_compressed(folder / "v.npz", X=generator.normal(size=(61, 6)), y=np.arange(61) % 3)
    return {"source": str(folder / "v.npz"), "transform": ["standardize", "l2"]}


def files(folder: Path) -> Sections:
    """Seven archives of vectors, with texts as labels and splits of their own."""
    generator = np.random.default_rng(0)
    for number in range(7):
        np.savez(
            folder / f"v{number}.npz",
            X=generator.normal(size=(20 + number, 6)).astype(np.float32),
            y=np.array(["cat", "horse", "dog"])[np.arange(20 + number) % (2 + number % 2)],
            split=np.arange(20 + number) // 6 % 3,
        )
    return {"source": str(folder / "v*.npz"), "transform": "standardize"}


def arrays(folder: Path) -> Sections:
    """Three bare arrays, and the labels of all in one file."""
    generator = np.random.default_rng(0)
    for number in range(3):
        np.save(folder / f"a{number}.npy", generator.normal(size=(30, 4)).astype(np.float32))
    np.save(folder / "labels.npy", np.arange(90) % 3)
    return {"source": str(folder / "a?.npy"), "labels": str(folder / "labels.npy")}


def images(folder: Path) -> Sections:
    """Pictures in folders named after their classes."""
    generator = np.random.default_rng(0)
    for number in range(40):
        path = folder / "pictures" / f"c{number % 3}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (9, 9), dtype=np.uint8)).save(path)
    extractor = {"name": "pixels", "options": {"size": 4}}
    return {"source": str(folder / "pictures/*/*.png"), "extractor": extractor}


def texts(folder: Path) -> Sections:
    """A table of texts."""
    lines = [f"text number {number},{number % 3}" for number in range(50)]
    (folder / "t.csv").write_text("X,y\n" + "\n".join(lines))
    extractor = {"name": "ngrams", "options": {"width": 16}}
    return {"source": str(folder / "t.csv"), "extractor": extractor, "transform": "l2"}


@pytest.mark.parametrize("make", [vectors, files, arrays, images, texts])
@pytest.mark.parametrize("shards", [2, 5])
def test_the_bytes_are_those_of_one_pod(tmp_path: Path, make: Any, shards: int) -> None:
    (tmp_path / "data").mkdir()
    source = make(tmp_path / "data")
    alone = context_of(tmp_path, source, 1)
    prepare(alone)
    shared = context_of(tmp_path, source, shards)
    for shard in reversed(range(1, shards + 1)):
        prepare_shard(shared, "image", shard=shard, shards=shards)
    assert parts(shared)
    prepare(shared, join=True)
    assert objects(shared) == objects(alone)
    assert parts(shared) == []
    manifests = [context.catalog.versions("features")[0].manifest for context in (alone, shared)]
    assert manifests[0].settings == manifests[1].settings
    assert manifests[0].made_from == manifests[1].made_from


def test_a_shard_is_prepared_once_and_anew_when_the_source_changes(tmp_path: Path) -> None:
    source = vectors(tmp_path)
    context = context_of(tmp_path, source, 2)
    first = prepare_shard(context, "image", shard=1, shards=2)
    before = tiny.checksums(tmp_path / "store2")
    assert prepare_shard(context, "image", shard=1, shards=2) == first
    assert tiny.checksums(tmp_path / "store2") == before
    np.savez(tmp_path / "v.npz", X=np.ones((61, 6)), y=np.arange(61) % 3)
    assert prepare_shard(context, "image", shard=1, shards=2) != first


def test_joining_needs_all_shards(tmp_path: Path) -> None:
    context = context_of(tmp_path, vectors(tmp_path), 3)
    prepare_shard(context, "image", shard=2, shards=3)
    with pytest.raises(NotFoundError, match=r"2 of 3 shards are not prepared .* --shard 1/3"):
        prepare(context, join=True)
    assert context.catalog.inventory() == []


def test_without_join_a_missing_shard_is_no_hindrance(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = vectors(tmp_path)
    alone, shared = context_of(tmp_path, source, 1), context_of(tmp_path, source, 3)
    prepare(alone)
    prepare_shard(shared, "image", shard=2, shards=3)
    prepare(shared)
    assert "shards 1, 3 are not there" in caplog.text
    assert objects(shared) == objects(alone)
    assert parts(shared) == []


def test_a_damaged_part_is_refused(tmp_path: Path) -> None:
    context = context_of(tmp_path, vectors(tmp_path), 2)
    for shard in (1, 2):
        prepare_shard(context, "image", shard=shard, shards=2)
    [key] = [key for key in parts(context) if key.endswith("2-of-2/vectors.npy")]
    path = tmp_path / "store2" / key
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.unlink()
    path.write_bytes(data)
    with pytest.raises(IntegrityError, match=r"2-of-2/vectors\.npy: its sha256 is"):
        prepare(context, join=True)
    assert context.catalog.inventory() == []


def test_a_bad_value_is_found_in_its_shard_and_nothing_is_stored(tmp_path: Path) -> None:
    source = vectors(tmp_path)
    features = np.ones((61, 6))
    features[50, 2] = np.nan
    np.savez(tmp_path / "v.npz", X=features, y=np.arange(61) % 3)
    context = context_of(tmp_path, source, 2)
    prepare_shard(context, "image", shard=1, shards=2)
    before = parts(context)
    with pytest.raises(DataError, match="features must be finite"):
        prepare_shard(context, "image", shard=2, shards=2)
    assert parts(context) == before


@pytest.mark.parametrize(
    ("shard", "shards", "message"),
    [(1, 3, "2 shards in the experiment file, not 3"), (3, 2, "1 to 2"), (0, 2, "1 to 2")],
)
def test_another_shard_than_the_file_says(
    tmp_path: Path, shard: int, shards: int, message: str
) -> None:
    context = context_of(tmp_path, vectors(tmp_path), 2)
    with pytest.raises(UserError, match=message):
        prepare_shard(context, "image", shard=shard, shards=shards)


def test_what_cannot_be_divided_is_refused(tmp_path: Path) -> None:
    source = texts(tmp_path) | {"extractor": "bag_of_words"}
    with pytest.raises(UserError, match="bag_of_words learns from all training samples"):
        prepare_shard(context_of(tmp_path, source, 2), "image", shard=1, shards=2)
    with pytest.raises(UserError, match="must not exceed the 61 samples, but is 62"):
        prepare_shard(context_of(tmp_path, vectors(tmp_path), 62), "image", shard=1, shards=62)


def test_a_store_beside_the_raw_files_is_no_part_of_the_source(tmp_path: Path) -> None:
    context = context_of(tmp_path, texts(tmp_path), 2)
    settings, store = context.modality("image"), context.experiment.store
    before = source_state(settings, store, None, name="image")
    for shard in (1, 2):
        prepare_shard(context, "image", shard=shard, shards=2)
        assert source_state(settings, store, None, name="image") == before
    prepare(context, join=True)
    assert source_state(settings, store, None, name="image") == before


def test_labels_beside_several_files(tmp_path: Path) -> None:
    source = arrays(tmp_path)
    np.save(tmp_path / "labels.npy", np.arange(89) % 3)
    with pytest.raises(DataError, match=r"labels\.npy: .*89 entries, 90 samples"):
        prepare(context_of(tmp_path, source, 1))
