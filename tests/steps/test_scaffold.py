from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
import scipy.io

from sdml.errors import DataError, ExperimentError
from sdml.experiment import read_experiment
from sdml.steps.prepare import prepare
from sdml.steps.scaffold import scaffold
from tests.steps import tiny

DATA = tiny.arrays("image")
COLUMNS = {f"X{i}": DATA["X"][:, i] for i in range(8)}


def npz(folder: Path) -> str:
    np.savez(folder / "a.npz", **DATA)
    return "a.npz"


def npy(folder: Path) -> str:
    np.save(folder / "a.npy", DATA["X"])
    np.save(folder / "a.labels.npy", DATA["y"])
    return "a.npy"


def npy_with_text(folder: Path) -> str:
    np.save(folder / "a.npy", DATA["X"])
    (folder / "a_y.txt").write_text("".join(f"{label}\n" for label in DATA["y"]))
    return "a.npy"


def mat5(folder: Path) -> str:
    scipy.io.savemat(folder / "a.mat", DATA)
    return "a.mat"


def mat73(folder: Path) -> str:
    with h5py.File(folder / "a.mat", "w", userblock_size=512) as file:
        for name, array in DATA.items():
            made = file.create_dataset(name, data=np.atleast_2d(array).T)
            made.attrs["MATLAB_class"] = np.bytes_("double")
    return "a.mat"


def h5(folder: Path) -> str:
    with h5py.File(folder / "a.h5", "w") as file:
        for name, array in DATA.items():
            file[f"group/{name}"] = array
    return "a.h5"


def parquet(folder: Path) -> str:
    table = pa.table({**COLUMNS, "y": DATA["y"], "split": DATA["split"]})
    pa.parquet.write_table(table, folder / "a.parquet")
    return "a.parquet"


def parquet_of_lists(folder: Path) -> str:
    columns = {"id": np.arange(60), "vector": list(DATA["X"]), "label": DATA["y"].astype(str)}
    pa.parquet.write_table(pa.table(columns), folder / "a.parquet")
    return "a.parquet"


def csv(folder: Path) -> str:
    names = ["train", "validation", "test"]
    columns = {
        **{f"pixel {i}": DATA["X"][:, i] for i in range(8)},
        "class": [f"c{label}" for label in DATA["y"]],
        "split": [names[part] for part in DATA["split"]],
    }
    pa.csv.write_csv(pa.table(columns), folder / "a.csv")
    return "a.csv"


def other_names(folder: Path) -> str:
    arrays = {"ids": np.arange(60), "embeddings": DATA["X"], "Labels": DATA["y"]}
    np.savez(folder / "a.npz", **arrays)
    return "a.npz"


def no_likely_name(folder: Path) -> str:
    np.savez(folder / "a.npz", ids=np.arange(60), v1=DATA["X"], y=DATA["y"])
    return "a.npz"


WRITERS = [
    npz, npy, npy_with_text, mat5, h5, mat73, parquet, parquet_of_lists, csv,
    other_names, no_likely_name,
]  # fmt: skip


@pytest.mark.parametrize("write", WRITERS)
def test_the_file_is_true_and_can_be_prepared(tmp_path: Path, write: Callable[[Path], str]) -> None:
    source = write(tmp_path)
    output = tmp_path / "experiment.yaml"
    made = scaffold([str(tmp_path / source)], collection="tiny", output=output)
    assert (made.output, made.modalities) == (output, ["a"])
    text = output.read_text()
    assert "not readable" not in text
    assert "# 60 samples of 8 features, 3 classes, " in text
    assert f"source: {source}\n" in text
    context = tiny.open_file(output)
    version = context.catalog.get(prepare(context).features["a"])
    sizes = [
        np.load(context.catalog.local(version, f"{split}.features.npy")).shape
        for split in ("train", "validation", "test")
    ]
    has_split = "its own split" in text
    assert sizes == ([(36, 8), (12, 8), (12, 8)] if has_split else [(48, 8), (6, 8), (6, 8)])
    assert has_split == (write in (npz, mat5, h5, mat73, parquet, csv))


def test_the_output_is_relative_to_where_it_lies(tmp_path: Path) -> None:
    inside, outside = tmp_path / "here" / "data", tmp_path / "there"
    inside.mkdir(parents=True)
    outside.mkdir()
    for folder in (inside, outside):
        np.savez(folder / f"{folder.name}.npz", **DATA)
    output = tmp_path / "here" / "e.yaml"
    scaffold(
        [str(inside / "data.npz"), f"other={outside / 'there.npz'}"], collection="c", output=output
    )
    text = output.read_text()
    assert "source: data/data.npz\n" in text
    assert re.search(rf"source: \"?{outside}/there.npz", text)
    modalities = read_experiment(output).modalities
    assert modalities["data"].source == str(inside / "data.npz")
    assert modalities["other"].source == str(outside / "there.npz")


def test_what_it_says_of_splits_labels_and_classes(tmp_path: Path) -> None:
    hot = np.eye(3, dtype=np.uint8)[DATA["y"]]
    hot[:2] = 0
    np.savez(
        tmp_path / "a.npz", X=DATA["X"], y=hot, split=np.where(DATA["split"] == 1, 0, DATA["split"])
    )
    np.savez(tmp_path / "b.npz", X=DATA["X"], y=np.where(np.arange(60) < 5, -1, DATA["y"]))
    output = tmp_path / "e.yaml"
    scaffold([str(tmp_path / "a.npz"), str(tmp_path / "b.npz")], collection="c", output=output)
    text = output.read_text()
    assert (
        "# 60 samples of 8 features, multi-label over 3 classes, 2 samples unlabelled, "
        "its own split, but validation is drawn from train\n" in text
    )
    assert "# 60 samples of 8 features, 3 classes, 5 samples unlabelled, split below" in text
    prepare(tiny.open_file(output))


def test_a_file_without_labels_is_written_with_a_note(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", DATA["X"])
    np.savez(tmp_path / "b.npz", X=DATA["X"], tags=DATA["y"])
    output = tmp_path / "e.yaml"
    scaffold([str(tmp_path / "a.npy"), str(tmp_path / "b.npz")], collection="c", output=output)
    text = output.read_text()
    assert text.count("# not readable like this yet: modality ") == 2
    assert "give labels: a file of their own" in text
    assert "must hold 'y', but it holds only X, tags" in text
    assert set(read_experiment(output).modalities) == {"a", "b"}


WEIRD = [
    "on.npz",
    "null.npz",
    "123.npz",
    "1e3.npz",
    "My Photos (1).npz",
    "a: b #c.npz",
    "- x.npz",
    "'q\".npz",
    "日本語.npz",
    "tab\there.npz",
    "line\nbreak.npz",
    "a=b.npz",
    "&x *y !z %w.npz",
    f"{'long' * 40}.npz",
    "\udcff.npz",
]


@pytest.mark.parametrize("name", WEIRD, ids=ascii)
def test_weird_file_names(tmp_path: Path, name: str) -> None:
    np.savez(tmp_path / "plain.npz", **DATA)
    (tmp_path / "plain.npz").rename(tmp_path / name)
    output = tmp_path / "e.yaml"
    (modality,) = scaffold([str(tmp_path / name)], collection="c", output=output).modalities
    assert re.fullmatch(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?", modality)
    experiment = read_experiment(output)
    assert experiment.modalities[modality].source == str(tmp_path / name)
    assert prepare(tiny.open_file(output)).features.keys() == {modality}


@pytest.mark.parametrize("key", ["no", "x, y", "{a}", "a: b", "1", "#", "é", "~", "'"])
def test_weird_array_names(tmp_path: Path, key: str) -> None:
    np.savez(tmp_path / "a.npz", **{key: DATA["X"], "y": DATA["y"]})
    output = tmp_path / "e.yaml"
    scaffold([str(tmp_path / "a.npz")], collection="c", output=output)
    assert read_experiment(output).modalities["a"].keys.features == key
    prepare(tiny.open_file(output))


@pytest.mark.parametrize("collection", ["123", "no", "1e3", "a-b_c"])
def test_weird_collections(tmp_path: Path, collection: str) -> None:
    np.savez(tmp_path / "a.npz", **DATA)
    scaffold([str(tmp_path / "a.npz")], collection=collection, output=tmp_path / "e.yaml")
    assert read_experiment(tmp_path / "e.yaml").collection == collection


def test_a_variable_in_a_path_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_NAME", "a")
    np.savez(tmp_path / "${SOME_NAME}.npz", **DATA)
    with pytest.raises(DataError, match="rename the file"):
        scaffold([str(tmp_path / "${SOME_NAME}.npz")], collection="c", output=tmp_path / "e.yaml")
    assert not (tmp_path / "e.yaml").exists()


def test_refusals_write_nothing(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **DATA)
    (tmp_path / "other").mkdir()
    np.savez(tmp_path / "other" / "a.npz", **DATA)
    (tmp_path / "junk.npz").write_bytes(b"junk")
    (tmp_path / "there.yaml").write_text("mine")
    before = tiny.checksums(tmp_path)
    a, other = str(tmp_path / "a.npz"), str(tmp_path / "other" / "a.npz")
    new = tmp_path / "e.yaml"
    for files, collection, output, error, message in (
        ([a], "c", tmp_path / "there.yaml", DataError, r"there\.yaml: exists already.*--output"),
        ([a], "c", tmp_path / "none" / "e.yaml", DataError, r"folder that exists"),
        ([a, other], "c", new, DataError, r"modality 'a' is there twice: name one: other="),
        ([f"Photos={a}"], "c", new, DataError, r"lower-case letters.*not 'Photos'"),
        ([a], "My Collection", new, ExperimentError, r"collection.*not 'My Collection'"),
        ([str(tmp_path / "junk.npz")], "c", new, DataError, r"junk\.npz: cannot be read"),
        ([str(tmp_path / "none.npz")], "c", new, DataError, r"none\.npz: does not exist"),
        ([str(tmp_path)], "c", new, DataError, r"is a folder"),
        ([f"{tmp_path}/there.yaml"], "c", new, DataError, r"vectors are read from"),
    ):
        with pytest.raises(error, match=message):
            scaffold(files, collection=collection, output=output)
    assert tiny.checksums(tmp_path) == before
