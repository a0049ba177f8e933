"""Subsets of the real collections, through their own experiment files and transforms.

The transforms are fitted on the few training samples, as they would be for somebody who has no
more.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.few_samples.collection import Part, Samples, SmallCollection, few
from sdml.experiment import Experiment, read_experiment
from sdml.experiment.modality import Transform
from sdml.features import load_split
from sdml.features.transforms import Standardization, apply_steps, statistics
from sdml.steps.context import Context
from sdml.steps.prepare import prepare

EXPERIMENTS = Path(__file__).parents[2] / "examples"


def untransformed(name: str, folder: Path) -> tuple[Experiment, Context, dict[str, str]]:
    """A collection's feature sets before any transform, in a store in ``folder``."""
    experiment = read_experiment(EXPERIMENTS / name / "experiment.yaml")
    plain = {m: s.model_copy(update={"transform": ()}) for m, s in experiment.modalities.items()}
    update = {"store": str(folder / name), "tracking": None, "modalities": plain}
    context = Context.open(experiment.model_copy(update=update))
    return experiment, context, prepare(context).features


def subset(name: str, *, per_class: int, seed: int, folder: Path) -> SmallCollection:
    """``per_class`` training samples of each class of an example's collection."""
    experiment, context, features = untransformed(name, folder)
    modalities = {}
    classes = 0
    for modality, uri in features.items():
        version = context.catalog.get(uri)
        splits = {
            part: load_split(lambda n, v=version: context.catalog.local(v, n), part)  # type: ignore[misc]
            for part in ("train", "validation", "test")
        }
        read = {
            part: Samples(
                features_ND=np.array(split.features_ND, dtype=np.float32),
                labels=np.array(split.labels),
            )
            for part, split in splits.items()
        }
        parts = few(read["train"], read["validation"], read["test"], per_class=per_class, seed=seed)
        modalities[modality] = transformed(parts, experiment.modalities[modality].transform)
        classes = max(classes, int(read["train"].labels.max()) + 1)
    return SmallCollection(name=f"{name}-{per_class}", classes=classes, modalities=modalities)


def transformed(parts: dict[Part, Samples], steps: tuple[Transform, ...]) -> dict[Part, Samples]:
    """Every part after the transforms, which are fitted on the training samples."""
    train_ND = parts["train"].features_ND
    fitted: list[Standardization] = []
    for number, step in enumerate(steps):
        before_ND = apply_steps(train_ND, steps[:number], fitted, where="training samples")
        if step == "standardize":
            fitted.append(statistics(before_ND.shape, before_ND.__getitem__))
    return {
        part: Samples(
            features_ND=apply_steps(samples.features_ND, steps, fitted, where=part),
            labels=samples.labels,
        )
        for part, samples in parts.items()
    }
