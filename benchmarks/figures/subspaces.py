"""Kinds of subspace by methods and similarities: what should the default be?

Each kind has the file's dimension but ``identity``, which has one for each class. A ``prior`` is
learned on each modality, and the best-scored one selected, as DRCL does. The validation split
decides, which has chosen epochs too; the test split stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from benchmarks.figures import table
from benchmarks.figures.bars import Bars
from benchmarks.figures.cells import Cell
from benchmarks.figures.page import Options, Page
from benchmarks.figures.scores import SPLITS, of_encoders
from benchmarks.figures.settings import METHODS, by_method
from benchmarks.figures.svg import svg
from sdml.experiment import Experiment, SubspaceSettings
from sdml.experiment.subspace import SubspaceKind
from sdml.steps.context import Context
from sdml.steps.prepare import prepare
from sdml.steps.prior import fit_prior
from sdml.steps.prior_selection import select_prior
from sdml.steps.train import train

Means = Mapping[str, Mapping[str, Sequence[float]]]  # split → similarity → seeds


def kinds_of(method: str) -> tuple[SubspaceKind, ...]:
    """Those that a method can be trained against; ``sdml`` needs unit columns, a prior has none."""
    fixed: tuple[SubspaceKind, ...] = ("random", "simplex", "identity")
    return (*fixed, "prior") if METHODS[method].get("method", "sdml") != "sdml" else fixed


def page(options: Options) -> Page:
    """A panel for each method, a group of bars for each kind; a row for each combination."""
    means = {
        (method, kind): _means(options, method, kind)
        for method in options.methods
        if method in METHODS
        for kind in kinds_of(method)
    }
    similarities = options.experiment.evaluation.similarity
    lines = [
        [
            f"{method}, {kind}, {similarity}",
            *(table.spread(of[split][similarity]) for split in SPLITS),
        ]
        for (method, kind), of in means.items()
        for similarity in similarities
    ]
    panels = [
        Bars(
            title=method,
            x_label=f"mAP@all, {SPLITS[0]}",
            groups=kinds_of(method),
            values={
                similarity: [
                    table.mean(means[method, kind][SPLITS[0]][similarity])
                    for kind in kinds_of(method)
                ]
                for similarity in similarities
            },
        )
        for method in dict.fromkeys(method for method, _ in means)
    ]
    return Page(
        figures={"subspaces": svg(panels, columns=2)},
        table=table.rows(["mAP@all", *SPLITS], lines),
    )


def _means(options: Options, method: str, kind: SubspaceKind) -> Means:
    asked = _with_kind(by_method(options.experiment, method), kind)
    cells = [options.cells.get("subspaces", asked, s, scored) for s in range(options.seeds)]
    return {
        split: {
            similarity: [cell[split][similarity]["mean"] for cell in cells]
            for similarity in options.experiment.evaluation.similarity
        }
        for split in SPLITS
    }


def scored(context: Context) -> Cell:
    """The scores of all modalities on both splits, trained against the kind that is asked for."""
    prepare(context)
    if context.experiment.subspace.kind == "prior":
        learner = replace(context, experiment=by_method(context.experiment, "drcl"))
        for name in learner.experiment.modalities:
            fit_prior(learner, name)
        select_prior(learner)
        prepare(context)
    names = context.experiment.modalities
    encoders = [train(context, name, reuse=True).encoder for name in names]
    return {split: of_encoders(context, encoders, split) for split in SPLITS}


def _with_kind(experiment: Experiment, kind: SubspaceKind) -> Experiment:
    own = experiment.subspace.model_dump(exclude_unset=True, exclude={"source"})
    if kind == "identity":
        own.pop("dimension", None)
    subspace = SubspaceSettings.model_validate({**own, "kind": kind})
    return experiment.model_copy(update={"subspace": subspace})
