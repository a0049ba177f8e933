"""Scaffold: a commented experiment file from what is found in feature files."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sdml.errors import DataError, SDMLError
from sdml.experiment import ModalitySettings, parse_experiment
from sdml.experiment.base import NAME
from sdml.features import Table, read_table
from sdml.features.labels import class_names
from sdml.features.readers.vector_files import open_source
from sdml.features.table import TEST, TRAIN
from sdml.store.files import mapped_errors, write_file

_FEATURES = ("x", "features", "feature", "data", "embeddings", "codes")
_LABELS = ("y", "labels", "label", "targets", "target", "class")
_SPLIT = ("split", "splits", "fold", "subset")
_TABLES = (".parquet", ".csv", ".tsv")
_TRAIN_AND_TEST = frozenset({TRAIN, TEST})
_SHOWN = 12


@dataclass(frozen=True, kw_only=True)
class Scaffolded:
    """The written file, the modalities in it, and why those cannot be read that cannot."""

    output: Path
    modalities: list[str]
    unreadable: dict[str, str]


def scaffold(files: Sequence[str], *, collection: str, output: Path) -> Scaffolded:
    """Write an experiment file for feature files, each named ``FILE`` or ``modality=FILE``.

    Raises:
        DataError: a file cannot be read, two have the same modality, or ``output`` exists.
        ExperimentError: a name is not allowed.
    """
    if output.exists():
        raise DataError(f"{output}: exists already: name another file with --output, or remove it")
    if not output.parent.is_dir():
        raise DataError(f"{output}: must lie in a folder that exists: make it, or correct --output")
    sources: dict[str, Path] = {}
    for entry in files:
        name, source = _named(entry)
        if name in sources:
            raise DataError(f"{entry}: modality {name!r} is there twice: name one: other={source}")
        if "${" in _relative(source, output):
            raise DataError(f"{source}: ${{…}} in a path would be a variable: rename the file")
        sources[name] = source
    unreadable: dict[str, str] = {}
    text = _HEAD.format(collection=_scalar(collection))
    for name, source in sources.items():
        lines, problem = _section(name, source, output)
        text += lines
        if problem:
            unreadable[name] = problem
    parse_experiment(text, where=str(output), folder=output.parent)
    with mapped_errors(output):
        write_file(output, text.encode())
    return Scaffolded(output=output, modalities=list(sources), unreadable=unreadable)


def _named(entry: str) -> tuple[str, Path]:
    """Modality and file; a modality that is not given is named after the file."""
    given, found, path = entry.partition("=")
    if not found or Path(entry).exists():
        plain = re.sub(r"[^a-z0-9_-]+", "-", Path(entry).stem.lower()).strip("-_")
        return plain[:63].strip("-_") or "modality", Path(entry)
    if not NAME.fullmatch(given):
        raise DataError(
            f"{entry}: a modality is named by lower-case letters, digits, - and _, at most 63, "
            f"not {given!r}: write name={path}"
        )
    return given, Path(path)


def _section(name: str, source: Path, output: Path) -> tuple[str, str]:
    """The lines of one modality, and why it cannot be read, if it cannot."""
    labels = _label_file(source)
    with open_source(source, where=name) as opened:
        names = opened.names()
        fields = {n: str(opened.schema.field(n).type) for n in names if hasattr(opened, "schema")}
    settings, table, problem = _first_readable(name, source, labels, names, fields)
    keys = {
        key: value
        for key, value in settings.keys.model_dump().items()
        if value in names and not (key == "labels" and labels)
    }
    lines = [f"{_scalar(name)}:"]
    if table is None:
        lines.append(f"  # not readable like this yet: {_comment(problem)}")
    else:
        lines.append(f"  # {_described(table)}")
    lines.append(f"  source: {_scalar(_relative(source, output))}")
    if labels:
        lines.append(f"  labels: {_scalar(_relative(labels, output))}")
    if names:
        shown = ", ".join(f"{key}: {_scalar(value)}" for key, value in keys.items())
        there = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
        lines.append(f"  keys: {{{shown}}}    # the file holds: {_comment(there)}")
    given = _given_splits(table) if table else None
    if given == frozenset():
        lines.append("  split: {train: 0.8, validation: 0.1, test: 0.1, seed: 0}")
    elif given == _TRAIN_AND_TEST:
        lines.append("  split: {validation: 0.1, validation_from: train, seed: 0}")
    lines.append("  # transform: [l2]              # none, l2, standardize (fitted on train)")
    lines.append("  # learning_rate: 1.0e-4        # overrides 'training' for this modality")
    return "".join(f"  {line}\n" for line in lines), problem


def _first_readable(
    name: str, source: Path, labels: Path | None, names: Sequence[str], fields: dict[str, str]
) -> tuple[ModalitySettings, Table | None, str]:
    """Settings under which the file can be read; else likely ones, None, and what is wrong."""
    # In HDF5 an array inside a group is named group/y.
    lower = {n.rpartition("/")[2].lower(): n for n in reversed(names)}
    label_key = next((lower[k] for k in _LABELS if k in lower), "y")
    split_key = next((lower[k] for k in _SPLIT if k in lower), "split")
    rest = [n for n in names if n not in (label_key, split_key)]
    likely = [lower[k] for k in _FEATURES if lower.get(k) in rest]
    if source.suffix.lower() in _TABLES:  # X also stands for all columns of numbers
        candidates = [n for n in rest if "list" in fields[n]] + ["X"]
    else:
        candidates = [*likely, *rest] or ["X"]
    tried: list[tuple[ModalitySettings, str]] = []
    for features in dict.fromkeys(candidates):
        settings = ModalitySettings.model_validate(
            {
                "source": str(source),
                "labels": labels and str(labels),
                "keys": {"features": features, "labels": label_key, "split": split_key},
            }
        )
        try:
            table = read_table(settings, name=name)
            assert table.features is not None
            table.features.check()
            return settings, table, ""
        except SDMLError as error:
            tried.append((settings, str(error)))
    return tried[0][0], None, tried[0][1]


def _label_file(source: Path) -> Path | None:
    """Labels of an .npy file, which lie beside it: ``a.labels.npy``, ``a_y.txt`` and the like."""
    if source.suffix.lower() != ".npy":
        return None
    beside = (
        source.with_name(f"{source.stem}{joint}{word}{suffix}")
        for word in ("labels", "label", "y")
        for joint in "._-"
        for suffix in (".npy", ".txt")
    )
    return next((path for path in beside if path.is_file()), None)


def _described(table: Table) -> str:
    """Samples, features, classes and splits, as they were read."""
    assert table.features is not None
    rows, width = table.features.shape
    labels = table.labels
    if labels.ndim == 2:
        kind, labelled = f"multi-label over {labels.shape[1]} classes", labels.any(axis=1)
    else:
        kind = f"{len(class_names(labels))} classes"
        labelled = labels != "" if labels.dtype.kind == "U" else labels >= 0
    if not labelled.all():
        kind += f", {int((~labelled).sum())} samples unlabelled"
    split = {
        frozenset(): "split below (seeded)",
        _TRAIN_AND_TEST: "its own split, but validation is drawn from train",
    }.get(_given_splits(table), "its own split")
    return f"{rows} samples of {width} features, {kind}, {split}"


def _given_splits(table: Table) -> frozenset[int]:
    """The splits that the file brings; none if it has no split array."""
    return frozenset(() if table.split_N is None else table.split_N.tolist())


def _relative(source: Path, output: Path) -> str:
    """Relative to the experiment file where the source lies below it, else absolute."""
    absolute = source.parent.resolve() / source.name
    try:
        return str(absolute.relative_to(output.parent.resolve()))
    except ValueError:
        return str(absolute)


def _scalar(value: Any) -> str:
    """A text as YAML reads it back, quoted where it must be."""
    text = str(value)
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_./-]*", text) and yaml.safe_load(text) == text:
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _comment(text: str) -> str:
    """A text on one line."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


_HEAD = """\
# An SDML experiment: 'sdml prepare' this file, 'sdml train' each modality, 'sdml evaluate'.
# Paths are relative to this file. Keys left out have their defaults (docs/methods.md).
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
