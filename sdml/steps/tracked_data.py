"""The data that a tracked run has used: one dataset for each split, known by its content."""

from __future__ import annotations

import hashlib

from sdml.experiment import SplitName
from sdml.store import Version
from sdml.tracking import Run

_DIGEST = 32  # MLflow takes 36 characters
_CONTEXT: dict[SplitName, str] = {"train": "training", "validation": "validation", "test": "test"}


def log_dataset(run: Run, features: Version, split: SplitName) -> None:
    """Say that the run has used a split of a feature set, and for what.

    The source is the URI of the split's vectors. MLflow keeps one context for a name and digest, so
    each split has a digest of its own: of the sha256 of its vectors and its labels.
    """
    manifest = features.manifest
    names = (f"{split}.features.npy", f"{split}.labels.npy")
    sums = {record.name: record.sha256 for record in manifest.objects}
    digest = hashlib.sha256("".join(sums[name] for name in names).encode()).hexdigest()
    run.dataset(
        f"{manifest.collection}/{manifest.modality}",
        digest=digest[:_DIGEST],
        source=f"{features.uri}/{names[0]}",
        context=_CONTEXT[split],
    )
