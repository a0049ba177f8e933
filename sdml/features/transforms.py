"""Transforms of vectors: ``l2`` and ``standardize``, in order, fitted on the train split only.

The state travels with the feature set and the encoder, so that new samples are treated alike.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from sdml.errors import DataError, IntegrityError
from sdml.experiment.modality import Transform
from sdml.features.table import FloatArray
from sdml.features.validation import row_blocks

_JSON = "transform.json"
_STATE = "transform.safetensors"
_Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Standardization:
    """Column means and population standard deviations, (D,) each; a constant column has 1."""

    mean_D: _Doubles
    scale_D: _Doubles


@dataclass(frozen=True, kw_only=True, eq=False)
class TransformState:
    """Fitted transforms: names in order, and for each ``standardize`` its statistics."""

    steps: tuple[Transform, ...]
    dimension: int
    fitted: tuple[Standardization, ...] = ()

    def apply(self, features_ND: FloatArray, *, where: str = "features") -> FloatArray:
        """A transformed copy, float32 (N, D).

        Raises:
            DataError: the width is not the one this was fitted on, or a result is not finite.
        """
        if features_ND.ndim != 2 or features_ND.shape[1] != self.dimension:
            raise DataError(
                f"{where}: must be (samples, {self.dimension}) like the training features, "
                f"not of shape {features_ND.shape}"
            )
        result = np.array(features_ND, dtype=np.float32)
        self.apply_in_place(result, where=where)
        return result

    def apply_in_place(self, features_ND: FloatArray, *, where: str = "features") -> None:
        """As :meth:`apply`, overwriting; for callers that own a copy already."""
        statistics = iter(self.fitted)
        for step in self.steps:
            _apply(features_ND, next(statistics) if step == "standardize" else None, where)

    def to_objects(self) -> dict[str, bytes]:
        """``transform.json``, and ``transform.safetensors`` when there is state to keep."""
        data = {"schema": 1, "steps": list(self.steps), "dimension": self.dimension}
        objects = {_JSON: json.dumps(data).encode()}
        if self.fitted:
            objects[_STATE] = save(
                {
                    f"{index}.{kind}": array
                    for index, statistics in enumerate(self.fitted)
                    for kind, array in (("mean", statistics.mean_D), ("scale", statistics.scale_D))
                }
            )
        return objects

    @classmethod
    def from_objects(cls, read: Callable[[str], bytes]) -> TransformState:
        """What :meth:`to_objects` wrote; ``read`` gives the bytes of a named object.

        Raises:
            IntegrityError: the objects are not a transform's.
        """
        try:
            data = json.loads(read(_JSON))
            steps = tuple(data["steps"])
            count = steps.count("standardize")
            arrays = load(read(_STATE)) if count else {}
            fitted = tuple(
                Standardization(mean_D=arrays[f"{i}.mean"], scale_D=arrays[f"{i}.scale"])
                for i in range(count)
            )
            return cls(steps=steps, dimension=int(data["dimension"]), fitted=fitted)
        except (ValueError, KeyError, TypeError, SafetensorError) as error:
            raise IntegrityError(f"{_JSON}, {_STATE}: not a fitted transform: {error!r}") from error


def fit_in_place(
    train_ND: FloatArray, steps: Sequence[Transform], *, where: str = "features"
) -> TransformState:
    """Fit each transform on what the ones before it leave, transforming ``train_ND`` on the way."""
    fitted = []
    for step in steps:
        statistics = _statistics(train_ND) if step == "standardize" else None
        _apply(train_ND, statistics, where)
        if statistics is not None:
            fitted.append(statistics)
    return TransformState(steps=tuple(steps), dimension=train_ND.shape[1], fitted=tuple(fitted))


def _apply(features_ND: FloatArray, statistics: Standardization | None, where: str) -> None:
    """Standardize with ``statistics``, or scale rows to norm 1 without; float64 inside."""
    for rows in row_blocks(features_ND):
        block = features_ND[rows].astype(np.float64)
        if statistics is None:
            norms = np.linalg.norm(block, axis=1, keepdims=True)
            block /= np.where(norms > 0, norms, 1.0)
        else:
            block -= statistics.mean_D
            block /= statistics.scale_D
        with np.errstate(over="ignore"):
            features_ND[rows] = block
        if not np.isfinite(features_ND[rows]).all():
            raise DataError(
                f"{where}: values lie too far from the training features to be standardized: "
                "look for columns on another scale"
            )


def _statistics(features_ND: FloatArray) -> Standardization:
    """Two passes in float64; a column counts as constant when all its values are equal."""
    samples, width = features_ND.shape
    total, squares = np.zeros(width), np.zeros(width)
    lowest, highest = np.full(width, np.inf), np.full(width, -np.inf)
    for rows in row_blocks(features_ND):
        block = features_ND[rows]
        total += block.sum(axis=0, dtype=np.float64)
        lowest = np.minimum(lowest, block.min(axis=0))
        highest = np.maximum(highest, block.max(axis=0))
    mean = np.where(lowest == highest, lowest, total / samples)
    for rows in row_blocks(features_ND):
        squares += np.square(features_ND[rows] - mean).sum(axis=0)
    deviation = np.sqrt(squares / samples)
    return Standardization(mean_D=mean, scale_D=np.where(deviation > 0, deviation, 1.0))
