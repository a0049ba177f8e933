"""An experiment's prepared feature sets: made once in the benchmark's own store, read by cells."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from benchmarks.peers.views import Views
from sdml.experiment import Experiment, SplitName
from sdml.features import load_split
from sdml.steps.context import Context
from sdml.steps.prepare import prepare

DIGITS = 16


def prepared(experiment: Experiment, folder: Path) -> tuple[Experiment, dict[str, str]]:
    """The experiment with a store in ``folder`` and no tracking, and the URI of each feature set.

    What the store has already is not made again.

    Raises:
        UserError: a source is not what the experiment file promises.
    """
    own = experiment.model_copy(update={"store": str(folder / "store"), "tracking": None})
    return own, prepare(Context.open(own)).features


def read_views(context: Context, features: dict[str, str], split: SplitName) -> Views:
    """One split of all modalities; features are memory-mapped."""
    catalog = context.catalog
    splits = {}
    for name, uri in features.items():
        version = catalog.get(uri)
        splits[name] = load_split(lambda n, v=version: catalog.local(v, n), split)  # type: ignore[misc]
    return Views(
        features={name: one.features_ND for name, one in splits.items()},
        labels={name: one.labels for name, one in splits.items()},
    )


def digest(context: Context, features: dict[str, str]) -> str:
    """What decides a figure beside the method: the prepared bytes and how they are judged."""
    experiment = context.experiment
    contents = {
        name: {record.name: record.sha256 for record in context.catalog.get(uri).manifest.objects}
        for name, uri in features.items()
    }
    told = {
        "collection": experiment.collection,
        "evaluation": experiment.evaluation.model_dump(mode="json"),
        "features": list(contents.items()),
    }
    return short_hash(json.dumps(told, sort_keys=True))


def short_hash(text: str) -> str:
    """16 hex digits of the text's sha256."""
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
