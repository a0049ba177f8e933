"""A feature set as a store would give it back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sdml.experiment import SPLITS, ModalitySettings, SplitName
from sdml.features import (
    FeatureSet,
    Split,
    Table,
    build_feature_set,
    load_split,
    other_objects,
)


@dataclass(frozen=True)
class Loaded:
    """A feature set, its files, and its splits as they are read back."""

    made: FeatureSet
    files: dict[str, Path]
    splits: dict[SplitName, Split]


def build_loaded(
    table: Table, settings: ModalitySettings, classes: Sequence[str], folder: Path
) -> Loaded:
    """Build in a folder and load what was made."""
    folder.mkdir(exist_ok=True)
    made = build_feature_set(table, settings, classes, folder, name="image")
    files = {f"{split}.features.npy": file.path for split, file in made.vectors.items()}
    for name, data in other_objects(made).items():
        files[name] = folder / name
        files[name].write_bytes(data)
    splits = {split: load_split(files.__getitem__, split) for split in SPLITS}
    return Loaded(made=made, files=files, splits=splits)
