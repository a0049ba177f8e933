"""Every modality of an experiment trained through the product's steps, or classified."""

from __future__ import annotations

from benchmarks.figures.cells import Cells
from benchmarks.figures.scores import PEER, Scores, of_classifiers, of_encoders
from benchmarks.figures.settings import METHODS, by_method
from sdml.experiment import Experiment
from sdml.steps.context import Context
from sdml.steps.prepare import prepare
from sdml.steps.train import train

ALL = (*METHODS, PEER)
"""Methods that :func:`scored` takes."""


def scored(cells: Cells, experiment: Experiment, method: str, seed: int) -> Scores:
    """The test scores of one method with one seed.

    Args:
        cells: where they are kept.
        experiment: whose modalities are trained.
        method: of :data:`ALL`.
        seed: of subspace and networks; the peer draws nothing.
    """
    if method == PEER:
        made = cells.get(PEER, experiment, seed, _classified)
    else:
        made = cells.get(method, by_method(experiment, method), seed, trained)
    return dict(made)


def trained(context: Context) -> Scores:
    """The test scores of all modalities, trained as the experiment says."""
    prepare(context)
    names = context.experiment.modalities
    return of_encoders(context, [train(context, name, reuse=True).encoder for name in names])


def _classified(context: Context) -> Scores:
    return of_classifiers(context, prepare(context))
