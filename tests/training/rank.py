"""One rank of small trainings, all in one process group.

``python -m tests.training.rank FOLDER CASE…`` trains each case of :data:`CASES` and leaves what
came out of it as ``FOLDER/CASE.RANK.json``.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from sdml.errors import SDMLError, StoreUnavailableError
from sdml.experiment import PseudoLabelSettings, TrainingSettings
from sdml.training import FitResult, Place, Ranks, TrainingData, fit, joined
from tests.training.slot import MemorySlot
from tests.training.trainee import SETTINGS, SUBSPACE, modality


def case(**change: Any) -> TrainingSettings:
    """The settings of the other tests with changes, on the CPU."""
    return SETTINGS.model_copy(update={"device": "cpu", "epochs": 4, **change})


# 300 samples, of which every tenth is unlabelled
CASES = {
    "plain": case(),
    "odd": case(batch_size=49),
    "one_row_left": case(batch_size=299, drop_last=False),
    "one_row_a_batch": case(batch_size=1, epochs=1),
    "lambda_zero": case(lambda_=0.0),
    "lambda_one": case(lambda_=1.0),
    "nearly_unlabelled": case(batch_size=7),
    "toggles": case(squared=True, label_count_normalised=True, normalize_target=True),
    "classifier": case(method="classifier", lambda_=0.2),
    "pseudo_labels": case(pseudo_labels=PseudoLabelSettings(threshold=0.5, start_epoch=2)),
    "default_preset": case(ridge_share=0.5),
}


def data_of(name: str) -> TrainingData:
    """Of a case."""
    data = modality(features=20, seed=0)
    if name != "nearly_unlabelled":
        return data
    labels = np.where(np.arange(300) % 9, -1, data.labels).astype(np.int32)
    return dataclasses.replace(data, labels=labels)


def outcome(result: FitResult) -> dict[str, Any]:
    """What can be compared between processes."""
    digest = hashlib.sha256()
    for name, array in sorted(result.encoder_state.items()):
        digest.update(name.encode() + array.tobytes())
    history = [record.as_json() for record in result.history]
    for record in history:
        del record["samples_per_second"]
    return {
        "encoder": digest.hexdigest(),
        "best_epoch": result.best_epoch,
        "history": history,
        "resumed_from": result.resumed_from,
        # exact: numpy's sums may depend on where in memory an array lies
        "norm": math.fsum(
            value**2 for array in result.encoder_state.values() for value in array.ravel().tolist()
        ),
    }


def stopped_and_resumed(ranks: Ranks, asks: int) -> dict[str, Any]:
    """The last rank is told to stop in the middle of an epoch; then all go on."""
    slot, settings = MemorySlot(), case(checkpoint_seconds=1e9)
    asked = count(1)
    last = ranks.rank == ranks.size - 1

    def run(stop: Callable[[], bool]) -> FitResult:
        return fit(
            data_of("plain"),
            SUBSPACE.projection_KC,
            settings,
            checkpoint=slot,
            stop=stop,
            ranks=ranks,
        )

    try:
        run(lambda: next(asked) >= asks and last)
    except SDMLError as error:
        said = f"{type(error).__name__}: {error}"
    kept = slot.data is not None
    return {**outcome(run(lambda: False)), "said": said, "kept": kept, "asked": next(asked) - 1}


def refused(work: Callable[[], object]) -> str:
    """What it said."""
    try:
        work()
    except SDMLError as error:
        return f"{type(error).__name__}: {error}"
    return "nothing"


def answers(ranks: Ranks) -> dict[str, Any]:
    """The messages beside the training's own."""

    def fail() -> bytes:
        raise StoreUnavailableError("no answer")

    def unasked() -> Iterator[bytes]:
        yield b"only here" if ranks.leads else b"never"

    return {
        "any": [ranks.any(said == ranks.rank) for said in (9, 0, 9, 1, 9)],
        "bytes": ranks.first(lambda: next(unasked())) == b"only here",
        "empty": ranks.first(lambda: b"") == b"",
        "none": ranks.first(lambda: None) is None,
        "text": ranks.first_text(lambda: "λ" if ranks.leads else "?") == "λ",
        "failed": refused(lambda: ranks.first(fail)),
        "still": ranks.first_text(lambda: "here"),
    }


def main() -> None:
    """Train the named cases."""
    folder, names = Path(sys.argv[1]), sys.argv[2:]
    with joined(Place.of_environment(), "cpu") as ranks:
        for name in names:
            if name == "answers":
                made = answers(ranks)
            elif name.startswith("stopped-"):
                made = stopped_and_resumed(ranks, int(name.removeprefix("stopped-")))
            else:
                made = outcome(fit(data_of(name), SUBSPACE.projection_KC, CASES[name], ranks=ranks))
            path = folder / f"{name}.{ranks.rank}.json"
            path.write_text(json.dumps(made), encoding="utf-8")
        ranks.wait()


if __name__ == "__main__":
    main()
