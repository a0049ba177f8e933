from __future__ import annotations

import re
from pathlib import Path

import pytest

from sdml.errors import ExperimentError
from sdml.experiment import read_experiment
from sdml.features import build_feature_set, make_extractor, read_table, training_classes

EXAMPLES = Path(__file__).parents[2] / "examples"
FILES = sorted(EXAMPLES.glob("*/*.yaml"))


def test_all_examples_are_found() -> None:
    assert [path.relative_to(EXAMPLES).as_posix() for path in FILES] == [
        "digits/audio.yaml",
        "digits/experiment.yaml",
        "digits_world/experiment.yaml",
        "multilabel/experiment.yaml",
        "paper/ms_coco.yaml",
        "paper/nus_wide.yaml",
        "paper/wikipedia.yaml",
        "paper/xmedia.yaml",
        "wikipedia_svcl/experiment.yaml",
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_file_parses_and_its_extractors_exist(path: Path) -> None:
    experiment = read_experiment(path, {"SDML_DATA": "/data"})
    assert experiment.store == str(path.parent / ".sdml/store")
    for name, modality in experiment.modalities.items():
        experiment.training_of(name)
        if modality.extractor is not None:
            make_extractor(modality.extractor)


@pytest.mark.parametrize("folder", ["digits_world", "wikipedia_svcl"])
def test_data_from_elsewhere_is_named_by_a_variable_only(folder: str) -> None:
    path = EXAMPLES / folder / "experiment.yaml"
    with pytest.raises(ExperimentError, match="SDML_DATA"):
        read_experiment(path, {})
    for line in path.read_text(encoding="utf-8").splitlines():
        found = re.fullmatch(r"\s*(source|train|test): (?!\{)(\S+)", line)
        assert found is None or found[2].startswith(f"${{SDML_DATA}}/{folder}/")


@pytest.mark.parametrize("file", ["experiment.yaml", "audio.yaml"])
def test_the_digits_become_feature_sets_of_ten_classes(
    digits: Path, file: str, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    experiment = read_experiment(EXAMPLES / "digits" / file, {})
    for name, modality in experiment.modalities.items():
        source = Path(modality.source)
        assert source.parent == EXAMPLES / "digits" / "data"
        here = modality.model_copy(update={"source": str(digits / source.name)})
        table = read_table(here, name=name)
        classes = training_classes(table, where=name)
        assert classes == [str(digit) for digit in range(10)]
        folder = tmp_path / name
        folder.mkdir()
        made = build_feature_set(table, here, classes, folder, name=name)
        assert len(made.labels["train"]) >= experiment.training_of(name).batch_size
    # Warnings would tell of samples of test that are in train.
    assert not caplog.records


def test_audio_adds_to_the_collection_that_the_others_began() -> None:
    first = read_experiment(EXAMPLES / "digits" / "experiment.yaml", {})
    later = read_experiment(EXAMPLES / "digits" / "audio.yaml", {})
    assert (first.collection, first.store) == (later.collection, later.store)
    assert not first.modalities.keys() & later.modalities.keys()
    assert first.training == later.training
