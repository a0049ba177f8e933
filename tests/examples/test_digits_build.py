from __future__ import annotations

import csv
import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from examples.digits.build import build, main
from sdml.errors import DataError

COUNTS = {
    "images": {"train": 1157, "validation": 130, "test": 510},
    "texts": {"train": 850, "validation": 61, "test": 109},
    "recordings": {"train": 600, "validation": 100, "test": 200},
}


def checksums(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_item_that_a_table_names_is_there_and_nothing_else(digits: Path) -> None:
    named = {
        row["path"] for name in ("images", "recordings") for row in table(digits / f"{name}.csv")
    }
    files = set(checksums(digits))
    assert files - named == {"build.json", "images.csv", "texts.csv", "recordings.csv"}
    assert named <= files


@pytest.mark.parametrize("name", list(COUNTS))
def test_splits_have_their_size_and_all_ten_digits(digits: Path, name: str) -> None:
    rows = table(digits / f"{name}.csv")
    assert Counter(row["split"] for row in rows) == COUNTS[name]
    for split in COUNTS[name]:
        assert {row["label"] for row in rows if row["split"] == split} == set("0123456789")


@pytest.mark.parametrize(
    ("name", "group"), [("images", "form"), ("texts", "language"), ("recordings", "handset")]
)
def test_no_form_language_or_handset_crosses_the_splits(
    digits: Path, name: str, group: str
) -> None:
    rows = table(digits / f"{name}.csv")
    pairs = {(row[group], row["split"]) for row in rows}
    assert len(pairs) == len({row[group] for row in rows})


def test_images_are_the_bundled_ones(digits: Path) -> None:
    pixels_ND, labels_N = load_digits(return_X_y=True)
    rows = table(digits / "images.csv")
    assert [int(row["label"]) for row in rows] == labels_N.tolist()
    for row, pixels_D in zip(rows[::97], pixels_ND[::97], strict=True):
        with Image.open(digits / row["path"]) as picture:
            assert picture.mode == "L"
            np.testing.assert_allclose(
                np.asarray(picture).reshape(-1), pixels_D / 16 * 255, atol=0.5
            )


def test_forms_begin_where_the_labels_say() -> None:
    # All forms repeat one sequence; a few digits are missing, near the beginning of a form too.
    from examples.digits.images import FORM_STARTS

    labels = "".join(map(str, load_digits(return_X_y=True)[1]))
    for start in FORM_STARTS:
        assert "1234567890123456" in labels[start : start + 24]
        assert start == 0 or labels[start - 3 : start] in ("898", "893", "908", "498")
    assert len(FORM_STARTS) == 14


def test_building_again_gives_the_same_bytes_and_leaves_nothing_behind(
    digits: Path, tmp_path: Path
) -> None:
    output = tmp_path / "digits"
    for _ in range(2):
        assert build(output) == COUNTS
        assert checksums(output) == checksums(digits)
    assert [path.name for path in tmp_path.iterdir()] == ["digits"]


def test_the_seed_changes_recordings_only(digits: Path, tmp_path: Path) -> None:
    build(tmp_path / "other", seed=1)
    before, after = checksums(digits), checksums(tmp_path / "other")
    changed = {name for name in before if before[name] != after[name]}
    assert before.keys() == after.keys()
    assert len(changed) == 901  # and build.json
    assert all(name.startswith("audio/") or name == "build.json" for name in changed)


def test_a_folder_of_someone_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(DataError, match="exists and holds"):
        build(tmp_path)
    assert main(["--output", str(tmp_path)]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


def test_a_seed_below_zero_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--seed", "-1"])
    assert stopped.value.code == 2
    assert "at least 0" in capsys.readouterr().err
