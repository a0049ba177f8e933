"""Scaffold: a commented experiment file from what is found in feature files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sdml.errors import DataError, SDMLError
from sdml.experiment import ModalitySettings, parse_experiment
from sdml.features import Table, read_table
from sdml.features.readers.vector_files import open_source

_LABELS = ("y", "labels", "label", "targets", "target", "class")
_SPLIT = ("split", "splits", "fold", "subset")


@dataclass(frozen=True, kw_only=True)
class Scaffolded:
    """The written file and the modalities in it."""

    output: Path
    modalities: list[str]


def scaffold(files: Sequence[str], *, collection: str, output: Path) -> Scaffolded:
    """Write an experiment file for feature files, each named ``FILE`` or ``modality=FILE``.

    Raises:
        DataError: a file cannot be read, two have the same modality, or ``output`` exists.
    """
    if output.exists():
        raise DataError(f"{output}: exists already: name another file with --output, or remove it")
    sections: dict[str, str] = {}
    for entry in files:
        given, _, path = entry.rpartition("=")
        source = Path(path)
        name = given or re.sub(r"[^a-z0-9_-]+", "-", source.stem.lower()).strip("-_") or "modality"
        if name in sections:
            raise DataError(f"{entry}: modality {name!r} is there twice: name one: other={path}")
        sections[name] = _section(name, source, output)
    text = _HEAD.format(collection=collection) + "".join(sections.values())
    parse_experiment(text, where=str(output), folder=output.parent)
    output.write_text(text, encoding="utf-8")
    return Scaffolded(output=output, modalities=list(sections))


def _section(name: str, source: Path, output: Path) -> str:
    with open_source(source, where=name) as opened:
        names = opened.names()
    keys = _keys(names)
    settings = ModalitySettings.model_validate({"source": str(source), "keys": keys})
    found: Table | None = None
    note = ""
    try:
        found = read_table(settings, name=name)
    except SDMLError as error:
        note = f"    # not readable like this yet: {error}\n"
    lines = [f"  {name}:\n", note]
    if found is not None:
        rows, width = found.features_ND.shape if found.features_ND is not None else (0, 0)
        kind = _label_kind(found.labels)
        split = "its own split" if found.split_N is not None else "split below (seeded)"
        lines.append(f"    # {rows} samples of {width} features, {kind}, {split}\n")
    lines.append(f"    source: {_relative(source, output)}\n")
    shown = ", ".join(f"{key}: {value}" for key, value in keys.items())
    lines.append(f"    keys: {{{shown}}}    # arrays in the file: {', '.join(names) or 'one'}\n")
    if found is not None and found.split_N is None:
        lines.append("    split: {train: 0.8, validation: 0.1, test: 0.1, seed: 0}\n")
    lines.append("    # transform: [l2]              # none, l2, standardize (fitted on train)\n")
    lines.append("    # learning_rate: 1.0e-4        # overrides 'training' for this modality\n")
    return "".join(lines)


def _keys(names: Sequence[str]) -> dict[str, str]:
    lower = {name.lower(): name for name in reversed(names)}
    labels = next((lower[k] for k in _LABELS if k in lower), "y")
    split = next((lower[k] for k in _SPLIT if k in lower), "split")
    rest = [name for name in names if name not in (labels, split)]
    features = "X" if "X" in rest or not rest else rest[0]
    return {"features": features, "labels": labels, "split": split}


def _label_kind(labels: object) -> str:
    array = np.asarray(labels)
    if array.ndim == 2:
        return f"multi-label over {array.shape[1]} classes"
    return f"{len(np.unique(array))} classes"


def _relative(source: Path, output: Path) -> str:
    try:
        return str(source.resolve().relative_to(output.parent.resolve()))
    except ValueError:
        return str(source.resolve())


_HEAD = """\
# An SDML experiment: 'sdml prepare' this file, 'sdml train' each modality, 'sdml evaluate'.
# Paths are relative to this file. Keys left out have the defaults of the published method.
collection: {collection}
# store: s3://bucket/prefix        # default: .sdml/store beside this file
# tracking: http://mlflow:5000     # default: a local SQLite file, .sdml/mlflow.db
# subspace: {{dimension: 512, seed: 0}}
training:
  lambda: 0.5                      # weight of reconstruction, 0 to 1
  epochs: 200
  batch_size: 100
modalities:
"""
