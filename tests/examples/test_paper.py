"""The paper's collections, on small files of the same layout as the authors'."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pytest
import scipy.io

from sdml.experiment import Experiment, SplitName, read_experiment
from sdml.features import read_table, training_classes
from tests.features.loaded import Loaded, build_loaded

EXAMPLES = Path(__file__).parents[2] / "examples" / "paper"
PAPER = ("wikipedia", "nus_wide", "ms_coco", "xmedia")
H5 = {
    "wikipedia": ("wiki_data/wiki_deep_doc2vec_data_corr_ae.h5py", 231),
    "nus_wide": ("NUS-WIDE/nus_wide_deep_doc2vec_data_42941.h5py", 5000),
    "ms_coco": ("MSCOCO/MSCOCO_deep_doc2vec_data.h5py", 10000),
}
XMEDIA = {
    "image": ("I_{}_CNN", "{}ImgCat", 500),
    "text": ("T_{}_BOW", "{}TxtCat", 500),
    "audio": ("A_{}", "{}AudCat", 100),
    "3d": ("d3_{}", "{}3dCat", 50),
    "video": ("V_{}_CNN", "{}VidCat", 87),
}


def read_paper(name: str, data: str) -> Experiment:
    return read_experiment(EXAMPLES / f"{name}.yaml", {"SDML_DATA": data})


def features(rng: np.random.Generator, rows: int, width: int) -> npt.NDArray[np.float32]:
    return rng.standard_normal((rows, width), dtype=np.float32)


def built(experiment: Experiment, folder: Path) -> dict[str, Loaded]:
    tables = {m: read_table(s, name=m) for m, s in experiment.modalities.items()}
    names: dict[str, None] = {}
    for modality, table in tables.items():
        names |= dict.fromkeys(training_classes(table, where=modality))
    return {
        m: build_loaded(tables[m], settings, list(names), folder / f"made-{m}")
        for m, settings in experiment.modalities.items()
    }


def assert_rows(
    made: Loaded, split: SplitName, features_ND: npt.NDArray[Any], labels: npt.NDArray[Any]
) -> None:
    assert made.splits[split].features_ND.tobytes() == features_ND.tobytes()
    assert made.splits[split].labels.tolist() == labels.tolist()


@pytest.mark.parametrize("name", H5)
def test_the_first_rows_of_test_validate(name: str, tmp_path: Path) -> None:
    file, validation = H5[name]
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    rng = np.random.default_rng(0)
    arrays: dict[str, npt.NDArray[Any]] = {}
    for split, rows in (("train", 40), ("test", validation + 30)):
        for kept, width, key in (("imgs_deep", 6, "imgs"), ("text", 3, "texts")):
            arrays[f"{split}_{kept}"] = features(rng, rows, width)
            labels = np.arange(rows) % 10 + 1
            if name == "ms_coco":
                labels = np.eye(10, dtype=np.int64)[labels - 1] | (rng.random((rows, 10)) < 0.2)
            arrays[f"{split}_{key}_labels"] = labels
    with h5py.File(path, "w") as written:
        for key, array in arrays.items():
            written[key] = array
    made = built(read_paper(name, str(tmp_path)), tmp_path)
    for modality, kept, key in (("image", "imgs_deep", "imgs"), ("text", "text", "texts")):
        shift = 0 if name == "ms_coco" else 1  # classes 1 … 10 stand at places 0 … 9
        x, y = arrays[f"test_{kept}"], arrays[f"test_{key}_labels"] - shift
        train_y = arrays[f"train_{key}_labels"] - shift
        assert_rows(made[modality], "train", arrays[f"train_{kept}"], train_y)
        assert_rows(made[modality], "validation", x[:validation], y[:validation])
        assert_rows(made[modality], "test", x[validation:], y[validation:])


def test_the_last_half_of_xmedias_test_validates(tmp_path: Path) -> None:
    path = tmp_path / "XMedia&Code" / "XMediaFeatures.mat"
    path.parent.mkdir()
    rng = np.random.default_rng(0)
    arrays: dict[str, npt.NDArray[Any]] = {}
    for key, label, half in XMEDIA.values():
        for split, rows in (("tr", 60), ("te", 2 * half)):
            arrays[key.format(split)] = features(rng, rows, 4).astype(np.float64)
            arrays[label.format(split)] = (np.arange(rows) % 20 + 1)[:, None]
    scipy.io.savemat(path, arrays)
    made = built(read_paper("xmedia", str(tmp_path)), tmp_path)
    for modality, (key, label, half) in XMEDIA.items():
        x = arrays[key.format("te")].astype(np.float32)
        y = arrays[label.format("te")][:, 0] - 1
        assert_rows(made[modality], "test", x[:half], y[:half])
        assert_rows(made[modality], "validation", x[half:], y[half:])


@pytest.mark.parametrize("name", PAPER)
def test_the_settings_are_the_papers(name: str) -> None:
    experiment = read_paper(name, "/data")
    for modality in experiment.modalities:
        training = experiment.training_of(modality)
        assert training.preset == "sdml-reference"
        assert (training.lambda_, training.epochs, training.batch_size) == (0.5, 200, 100)
        assert training.learning_rate == (1e-4 if modality == "image" else 2e-4)
    assert experiment.evaluation.preset == "reference"
