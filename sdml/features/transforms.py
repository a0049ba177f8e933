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

_CHUNK_VALUES = 1 << 15  # what is computed of them is small enough to use the same memory again
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
        result = np.empty(features_ND.shape, dtype=np.float32)
        transform = BlockTransform(self.steps, self.fitted, self.dimension, where=where)
        for rows in row_blocks(features_ND.shape):
            result[rows] = transform.of(features_ND[rows])
        return result

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


def apply_steps(
    features_ND: FloatArray,
    steps: Sequence[Transform],
    fitted: Sequence[Standardization],
    *,
    where: str,
) -> FloatArray:
    """All rows after these transforms, a new float32 (N, D); see :class:`BlockTransform`."""
    return BlockTransform(steps, fitted, features_ND.shape[1], where=where).of(features_ND)


class BlockTransform:
    """These transforms of one block of rows after the other; float64 inside.

    What is computed lies in the same memory each time: fresh memory costs as much as the work.
    """

    def __init__(
        self,
        steps: Sequence[Transform],
        fitted: Sequence[Standardization],
        width: int,
        *,
        where: str,
    ) -> None:
        """Begin without rows.

        Args:
            steps: transforms in order.
            fitted: the statistics of each ``standardize`` among them.
            width: D.
            where: names the rows in errors.
        """
        self._steps, self._fitted, self._where = steps, fitted, where
        self._made = np.empty((0, width), dtype=np.float32)
        chunk = (max(1, _CHUNK_VALUES // max(1, width)) if steps else 0, width)
        self._wide, self._squares = np.empty(chunk), np.empty(chunk)
        self._finite = np.empty(chunk, dtype=np.bool_)

    def of(self, block_BD: FloatArray) -> FloatArray:
        """Rows after the transforms, float32 (B, D); the next overwrite them.

        Each row is transformed by itself. Without any transform it is the same array.

        Raises:
            DataError: a result is not finite.
        """
        if not self._steps:
            return block_BD
        if len(block_BD) > len(self._made):
            self._made = np.empty(block_BD.shape, dtype=np.float32)
        made_BD, height = self._made[: len(block_BD)], len(self._wide)
        for start in range(0, len(block_BD), height):
            rows = slice(start, start + height)
            self._transform(block_BD[rows], made_BD[rows])
        return made_BD

    def _transform(self, chunk_BD: FloatArray, made_BD: FloatArray) -> None:
        given = iter(self._fitted)
        wide_BD, squares_BD = self._wide[: len(chunk_BD)], self._squares[: len(chunk_BD)]
        for step in self._steps:
            wide_BD[:] = chunk_BD
            if step == "standardize":
                of_columns = next(given)
                wide_BD -= of_columns.mean_D
                wide_BD /= of_columns.scale_D
            else:
                norms = np.sqrt(np.square(wide_BD, out=squares_BD).sum(axis=1, keepdims=True))
                norms[norms == 0] = 1.0
                wide_BD /= norms
            with np.errstate(over="ignore"):
                made_BD[:] = wide_BD
            if not np.isfinite(made_BD, out=self._finite[: len(made_BD)]).all():
                raise DataError(
                    f"{self._where}: values lie too far from the training features to be "
                    "standardized: look for columns on another scale"
                )
            chunk_BD = made_BD


def statistics(shape: tuple[int, int], read: Callable[[slice], FloatArray]) -> Standardization:
    """Two passes in float64; a column counts as constant when all its values are equal.

    Args:
        shape: (N, D).
        read: gives a slice of the rows.
    """
    samples, width = shape
    total, squares = np.zeros(width), np.zeros(width)
    lowest, highest = np.full(width, np.inf), np.full(width, -np.inf)
    for rows in row_blocks(shape):
        block = read(rows)
        total += block.sum(axis=0, dtype=np.float64)
        lowest = np.minimum(lowest, block.min(axis=0))
        highest = np.maximum(highest, block.max(axis=0))
    mean = np.where(lowest == highest, lowest, total / samples)
    apart: _Doubles | None = None  # used again: fresh memory costs as much as the arithmetic
    for rows in row_blocks(shape):
        if apart is None:
            apart = np.empty((rows.stop - rows.start, width))
        apart_BD = apart[: rows.stop - rows.start]
        np.subtract(read(rows), mean, out=apart_BD)
        squares += np.square(apart_BD, out=apart_BD).sum(axis=0)
    deviation = np.sqrt(squares / samples)
    return Standardization(mean_D=mean, scale_D=np.where(deviation > 0, deviation, 1.0))
