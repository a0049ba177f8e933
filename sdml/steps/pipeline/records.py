"""The small JSON files that the tasks of a pipeline hand on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sdml.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Pins:
    """URIs of the versions that a pipeline run works with.

    ``partners`` are encoders of other modalities, by the modality that is trained against one.
    """

    subspace: str
    features: dict[str, str]
    partners: dict[str, str] = field(default_factory=dict)

    def write(self, path: str) -> None:
        """Write to the file that the pipeline hands on."""
        Path(path).write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: str) -> Pins:
        """Read what the prepare task has written."""
        return cls(**json.loads(Path(path).read_text(encoding="utf-8")))


def pinned_features(pins: Pins, modality: str) -> str:
    """URI of a modality's feature set.

    Raises:
        UserError: the modality was not prepared.
    """
    if modality not in pins.features:
        raise UserError(
            f"a training needs a modality that was prepared, one of {', '.join(pins.features)}, "
            f"not {modality!r}: name it in the parameter 'modalities' too"
        )
    return pins.features[modality]


@dataclass(frozen=True, kw_only=True)
class TrainedRecord:
    """What one training task hands on."""

    encoder: str
    modality: str
    weight: float
    best_epoch: int
    epochs: int
    seconds: float

    def write(self, path: str) -> None:
        """Write to the file that the pipeline hands on."""
        Path(path).write_text(json.dumps(asdict(self)), encoding="utf-8")

    def summary(self) -> dict[str, Any]:
        """Metadata shown beside the artifact."""
        return {"encoder": self.encoder, "modality": self.modality, "lambda": self.weight}


def write_records(records: Sequence[TrainedRecord], path: str) -> None:
    """Write several records to the file that the pipeline hands on."""
    Path(path).write_text(json.dumps([asdict(each) for each in records]), encoding="utf-8")


def read_records(path: str) -> list[TrainedRecord]:
    """Read the records that the gather task has collected."""
    return [TrainedRecord(**r) for r in json.loads(Path(path).read_text(encoding="utf-8"))]


@dataclass(frozen=True, kw_only=True)
class PriorRecord:
    """What one training of a prior hands on."""

    prior: str
    modality: str
    score: float
    best_epoch: int
    epochs: int

    def write(self, path: str) -> None:
        """Write to the file that the pipeline hands on."""
        Path(path).write_text(json.dumps(asdict(self)), encoding="utf-8")

    def summary(self) -> dict[str, Any]:
        """Metadata shown beside the artifact."""
        return {"prior": self.prior, "modality": self.modality, "score": self.score}


def read_priors(path: str) -> list[PriorRecord]:
    """Read the records of priors that the gather task has collected."""
    return [PriorRecord(**r) for r in json.loads(Path(path).read_text(encoding="utf-8"))]
