"""A small training in a process of its own, to be killed at will.

``python -m tests.training.trainee FOLDER [FEATURES]`` trains with a checkpoint in FOLDER after
each epoch, says on standard output where it is, and leaves ``encoder.safetensors`` there.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

from sdml.experiment import TrainingSettings
from sdml.subspace import Subspace
from sdml.training import TrainingData, fit
from sdml.training.encoder_file import encoder_to_bytes

SETTINGS = TrainingSettings(
    preset="sdml-reference",
    epochs=8,
    batch_size=50,
    hidden=(32, 24),
    learning_rate=1e-3,
    checkpoint_seconds=0,
    threads=1,
)
SUBSPACE = Subspace.random(["a", "b", "c", "d"], dimension=16, seed=0)


def modality(*, features: int, seed: int) -> TrainingData:
    """Non-negative features around class centres; every tenth training sample is unlabelled."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, 360).astype(np.int32)
    centres = rng.standard_normal((4, features))
    samples = np.maximum(centres[labels] + rng.standard_normal((360, features)), 0)
    rows = samples.astype(np.float32)
    labels[:300:10] = -1
    return TrainingData(
        features_ND=rows[:300],
        labels=labels[:300],
        validation_features_ND=rows[300:],
        validation_labels=labels[300:],
    )


class FileSlot:
    """A checkpoint in a file that is replaced as a whole; says when half of it is written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.saves = 0

    def save(self, data: bytes) -> None:
        """Write beside, then replace."""
        self.saves += 1
        beside = self.path.with_suffix(".part")
        with beside.open("wb") as file:
            file.write(data[: len(data) // 2])
            file.flush()
            say(f"saving {self.saves}")
            file.write(data[len(data) // 2 :])
        beside.replace(self.path)

    def load(self) -> bytes | None:
        """The last complete one."""
        return self.path.read_bytes() if self.path.exists() else None

    def clear(self) -> None:
        """Remove it."""
        self.path.unlink(missing_ok=True)


def say(line: str) -> None:
    """A line on standard output, then wait for the reader to answer with one."""
    os.write(sys.stdout.fileno(), f"{line}\n".encode())
    sys.stdin.readline()


def main() -> None:
    """Train, and leave the encoder."""
    folder = Path(sys.argv[1])
    features = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    result = fit(
        modality(features=features, seed=features - 20),
        SUBSPACE.projection_KC,
        SETTINGS,
        checkpoint=FileSlot(folder / "checkpoint"),
        on_epoch=lambda record: say(f"epoch {record.epoch}"),
    )
    (folder / "encoder.safetensors").write_bytes(
        encoder_to_bytes(
            result.encoder_state, modality="m", subspace=SUBSPACE.identity, settings=SETTINGS
        )
    )
    say(f"done, resumed from {result.resumed_from}")


if __name__ == "__main__":
    main()
