"""A collection so small that all steps together take a second: data, experiment file, listing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from sdml.experiment import read_experiment
from sdml.report.document import report_document
from sdml.retrieval import CrossModalResult
from sdml.steps.context import Context
from sdml.tracking import MemoryTracker, Tracker

Arrays = dict[str, Any]

WIDTHS = {"image": 8, "text": 6, "audio": 5}


def arrays(modality: str = "image", *, samples: int = 60, classes: int = 3) -> Arrays:
    """Nearly separable vectors under X, classes under y, 60 % train and 20 % each of the others."""
    width = WIDTHS[modality]
    generator = np.random.default_rng(width)
    y = np.arange(samples) % classes
    centres = generator.normal(size=(classes, width))
    x = (centres[y] + generator.normal(size=(samples, width))).astype(np.float32)
    part = np.repeat([0, 1, 2], [samples * 6 // 10, samples * 2 // 10, samples * 2 // 10])
    return {"X": x, "y": y, "split": part}


def write_sources(folder: Path, *modalities: str) -> None:
    """``<modality>.npz`` for each of them."""
    for modality in modalities:
        np.savez(folder / f"{modality}.npz", **arrays(modality))


def settings(*modalities: str, **sections: Any) -> dict[str, Any]:
    """An experiment file's content.

    ``sections`` are merged into what stands there; one of ``None`` is left out.
    """
    content: dict[str, Any] = {
        "collection": "tiny",
        "store": "store",
        "tracking": None,
        "subspace": {"dimension": 16, "seed": 0},
        "training": {
            "epochs": 3,
            "batch_size": 10,
            "hidden": [16],
            "learning_rate": 0.01,
            "threads": 1,
        },
        "modalities": {name: {"source": f"{name}.npz"} for name in modalities},
    }
    for name, section in sections.items():
        content[name] = _merged(content.get(name), section)
    return {k: v for k, v in content.items() if v is not None or k == "tracking"}


def _merged(old: Any, new: Any) -> Any:
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
        return new
    merged = {**old, **{key: _merged(old.get(key), value) for key, value in new.items()}}
    return {key: value for key, value in merged.items() if value is not None}


def write_experiment(folder: Path, *modalities: str, **sections: Any) -> Path:
    """``experiment.yaml`` in the folder."""
    file = folder / "experiment.yaml"
    content = settings(*modalities, **sections)
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return file


def open_file(file: Path, tracker: Tracker | None = None) -> Context:
    """The context of an experiment file, with a tracker in memory."""
    context = Context.open(read_experiment(file), track=False)
    return Context(
        experiment=context.experiment,
        catalog=context.catalog,
        tracker=tracker or MemoryTracker(),
        scratch=context.scratch,
    )


def report_without_figures(evaluation: CrossModalResult, **given: Any) -> dict[str, bytes]:
    """In place of a report: its document only, since figures take seconds to draw."""
    document = report_document(evaluation, **given)
    return {"report.json": document, "report.html": b"<title>tiny</title>"}


def checksums(folder: Path) -> dict[str, str]:
    """sha256 of every file below a folder, also of partial ones, by relative path."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
