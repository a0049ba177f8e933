"""The fixed projection P ∈ R^{K×C} and its ordered classes: the contract of a collection.

SDML, section 3: P has random orthonormal columns, is shared by all modalities and never trained.
A label vector y and a code h meet in the supervised term ‖Pᵀh − y‖ of equation (1), so a class
*is* a column of P, and the order of the classes is part of the contract.

Three forms of P are known:

- ``orthonormal``: PᵀP = I, the paper's. Drawn at random, the identity, or given.
- ``simplex``: unit columns with one inner product, −1/(C − 1), between any two of them, the least
  that C directions can have (a simplex equiangular tight frame). Here PᵀP = (C·I − 11ᵀ)/(C − 1):
  the columns add up to zero and span C − 1 dimensions only, so a class is spoken against, not
  merely left unsaid, by a code of another one.
- ``free``: linearly independent columns of any length, as DRCL learns them.

The released code reads a square matrix from whatever file lies in the working directory and
keeps its first C columns, tied to no list of classes. Here P carries its classes, and a hash of
both, the identity, is kept in everything that is made for it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from sdml.errors import IntegrityError, SubspaceError
from sdml.tensorfile import pack, unpack

_SCHEMA = 1
_TOLERANCE = 1e-4
_INDEPENDENT = 1e-5  # smallest singular value over the largest
_MATLAB_NAMES = ("W", "P")

Form = Literal["orthonormal", "simplex", "free"]


@dataclass(frozen=True, eq=False)
class Subspace:
    """A checked projection and its classes.

    Attributes:
        projection_KC: float32, columns of the form, read-only. Column c stands for class c.
        classes: the ordered class names.
        form: what holds for the columns.

    Raises:
        SubspaceError: the columns are not of the form, or there is not one class a column.
    """

    projection_KC: npt.NDArray[np.float32]
    classes: tuple[str, ...]
    form: Form = "orthonormal"

    def __post_init__(self) -> None:
        projection_KC = _checked(self.projection_KC, self.classes, self.form)
        projection_KC.setflags(write=False)
        object.__setattr__(self, "projection_KC", projection_KC)

    @property
    def dimension(self) -> int:
        """K, the size of a code."""
        return int(self.projection_KC.shape[0])

    @cached_property
    def identity(self) -> str:
        """16 hex digits that name P and its ordered classes."""
        digest = hashlib.sha256(self.projection_KC.astype("<f4").tobytes(order="C"))
        digest.update(json.dumps(self.projection_KC.shape).encode())
        digest.update(json.dumps(self.classes).encode())
        return digest.hexdigest()[:16]

    @classmethod
    def random(cls, classes: Sequence[str], *, dimension: int, seed: int) -> Subspace:
        """A random subspace: Q of the QR of a K×C Gaussian, with the signs that make it unique.

        Raises:
            SubspaceError: ``dimension`` is smaller than the number of classes.
        """
        _check_room(dimension, len(classes), "subspace.dimension")
        return cls(_orthonormal(dimension, len(classes), seed).astype(np.float32), tuple(classes))

    @classmethod
    def unit(cls, classes: Sequence[str]) -> Subspace:
        """P = I: as many dimensions as classes, each class an axis."""
        return cls(np.eye(len(classes), dtype=np.float32), tuple(classes))

    @classmethod
    def simplex(cls, classes: Sequence[str], *, dimension: int, seed: int) -> Subspace:
        """A simplex in a random (C − 1)-dimensional subspace: P = √(C/(C − 1))·QVᵀ.

        Q (K×(C−1)) is random and orthonormal, V (C×(C−1)) a basis of what is orthogonal to 1:
        Helmert's, whose column j is (1, …, 1, −j, 0, …, 0)/√(j(j + 1)), with j ones.

        Raises:
            SubspaceError: ``dimension`` is smaller than C − 1, or there is one class only.
        """
        count = len(classes)
        if count < 2:
            raise SubspaceError(
                f"a simplex needs two classes or more, but there are {count}: take kind random"
            )
        _check_room(dimension, count, "subspace.dimension", spare=1)
        q_KE = _orthonormal(dimension, count - 1, seed)
        p_KC = np.sqrt(count / (count - 1)) * q_KE @ _helmert(count).T
        return cls(p_KC.astype(np.float32), tuple(classes), "simplex")

    @classmethod
    def from_file(cls, path: Path, classes: Sequence[str], *, dimension: int) -> Subspace:
        """A given matrix with K rows; of a wider one, the first C columns, as the released code.

        Args:
            path: ``.npy``, or ``.mat`` with a variable ``W`` or ``P`` or any one matrix.
            classes: the ordered class names.
            dimension: the number of rows that the matrix must have.

        Raises:
            SubspaceError: the file is unreadable, too small, or not orthonormal.
        """
        matrix = _read_matrix(path)
        if matrix.shape[0] != dimension:
            raise SubspaceError(
                f"{path}: the matrix must have subspace.dimension = {dimension} rows, "
                f"but its shape is {_shape(matrix)}: change one of the two"
            )
        if matrix.shape[1] < len(classes):
            raise SubspaceError(
                f"{path}: {len(classes)} classes need as many columns, "
                f"but the shape is {_shape(matrix)}: give a wider matrix"
            )
        try:
            return cls(matrix[:, : len(classes)].astype(np.float32), tuple(classes))
        except SubspaceError as error:
            raise SubspaceError(f"{path}: {error}") from error

    def to_bytes(self) -> bytes:
        """A safetensors file with P and its classes; equal subspaces give equal bytes."""
        note = {"schema": _SCHEMA, "classes": list(self.classes), "identity": self.identity}
        if self.form != "orthonormal":
            note["form"] = self.form
        return pack({"projection": self.projection_KC}, note)

    @classmethod
    def from_bytes(cls, data: bytes, where: str) -> Subspace:
        """Read what :meth:`to_bytes` wrote; ``where`` names it in an error.

        Raises:
            IntegrityError: the bytes are not a subspace, or not the one that they say.
        """
        arrays, note = unpack(data, where)
        classes, form = note.get("classes"), note.get("form", "orthonormal")
        if (
            note.get("schema") != _SCHEMA
            or set(arrays) != {"projection"}
            or not isinstance(classes, list)
            or not all(isinstance(name, str) for name in classes)
            or form not in get_args(Form)
        ):
            raise IntegrityError(
                f"{where} must hold a projection and its classes (schema {_SCHEMA}), but holds "
                f"{sorted(arrays)} and schema {note.get('schema')}: was it written by another "
                "version of sdml?"
            )
        try:
            subspace = cls(arrays["projection"], tuple(classes), form)
        except SubspaceError as error:
            raise IntegrityError(f"{where}: {error}") from error
        if subspace.identity != note.get("identity"):
            raise IntegrityError(
                f"{where}: the projection has identity {subspace.identity}, but the file says "
                f"{note.get('identity')}: restore it from a backup"
            )
        return subspace

    def check_same(self, other_identity: str, what: str) -> None:
        """Refuse ``what`` if it was made for another subspace.

        Raises:
            SubspaceError: ``other_identity`` is not this subspace's.
        """
        if other_identity != self.identity:
            raise SubspaceError(
                f"{what} must be made for subspace {self.identity}, but was made for "
                f"{other_identity}: their codes cannot be compared; train it against this one"
            )


def orthonormal_columns(matrix_KC: npt.NDArray[Any]) -> bool:
    """Whether PᵀP = I, to the accuracy that a subspace is checked with."""
    return _distance(matrix_KC, np.eye(matrix_KC.shape[1])) <= _TOLERANCE


def _distance(matrix_KC: npt.NDArray[Any], gram_CC: npt.NDArray[np.float64]) -> float:
    """max|PᵀP − G|."""
    columns_KC = matrix_KC.astype(np.float64)
    return float(np.abs(columns_KC.T @ columns_KC - gram_CC).max())


def _orthonormal(rows: int, columns: int, seed: int) -> npt.NDArray[np.float64]:
    """Q of the QR of a Gaussian, with the signs that make it unique."""
    gaussian = np.random.default_rng(seed).standard_normal((rows, columns))
    q, r = np.linalg.qr(gaussian)
    q *= np.where(np.diag(r) < 0, -1.0, 1.0)
    return np.asarray(q)


def _helmert(count: int) -> npt.NDArray[np.float64]:
    """An orthonormal basis (C, C − 1) of the vectors whose entries add up to zero."""
    numbers_E = np.arange(1, count)
    basis_CE = (np.arange(count)[:, None] < numbers_E).astype(np.float64)
    basis_CE[numbers_E, numbers_E - 1] = -numbers_E
    return np.asarray(basis_CE / np.sqrt(numbers_E * (numbers_E + 1.0)))


def _checked(
    matrix: npt.NDArray[Any], classes: Sequence[str], form: Form
) -> npt.NDArray[np.float32]:
    """A copy of ``matrix``, which has columns of the form and one class for each."""
    if matrix.ndim != 2 or matrix.shape[1] != len(classes) or not classes:
        raise SubspaceError(
            f"a projection needs one column for each class, but its shape is {_shape(matrix)} "
            f"and the classes are {len(classes)}: give both for the same classes"
        )
    if len(set(classes)) != len(classes):
        raise SubspaceError(
            f"class names must be distinct, but {len(classes) - len(set(classes))} of "
            f"{len(classes)} are repeated: name each class once"
        )
    count = len(classes)
    spare = 1 if form == "simplex" else 0
    _check_room(matrix.shape[0], count, "the projection", spare=spare)
    if form == "free":
        finite = bool(np.isfinite(matrix).all())
        values_C = np.linalg.svd(matrix.astype(np.float64), compute_uv=False) if finite else None
        if values_C is None or not values_C[-1] > _INDEPENDENT * values_C[0]:
            raise SubspaceError(
                "the columns of a projection must be finite and linearly independent, but these "
                "are not: learn it again"
            )
    elif form == "simplex":
        gram_CC = (count * np.eye(count) - 1) / max(count - 1, 1)
        error = _distance(matrix, gram_CC)
        if not error <= _TOLERANCE:
            raise SubspaceError(
                "the columns of a simplex must have length 1 and inner products −1/(C − 1) (to "
                f"within {_TOLERANCE:g}), but one is off by {error:.3g}: let kind simplex make them"
            )
    else:
        error = _distance(matrix, np.eye(count))
        if not error <= _TOLERANCE:
            raise SubspaceError(
                "the columns of a projection must be orthonormal (max|PᵀP − I| ≤ "
                f"{_TOLERANCE:g}), but max|PᵀP − I| = {error:.3g}: orthonormalise the matrix, for "
                "example by numpy's qr"
            )
    return np.array(matrix, dtype=np.float32, order="C")


def _check_room(dimension: int, classes: int, what: str, *, spare: int = 0) -> None:
    """``spare``: how many dimensions fewer than classes will do."""
    if dimension < classes - spare:
        less = f" less {spare}" if spare else ""
        raise SubspaceError(
            f"{what} must be at least the number of classes{less}, but K = {dimension} is smaller "
            f"than C = {classes}{less}: choose a larger subspace.dimension"
        )


def _read_matrix(path: Path) -> npt.NDArray[Any]:
    if path.suffix not in (".npy", ".mat"):
        raise SubspaceError(f"{path}: a projection is read from .npy or .mat, not {path.suffix!r}")
    try:
        matrix = np.load(path, allow_pickle=False) if path.suffix == ".npy" else _from_matlab(path)
    except SubspaceError:
        raise
    except Exception as error:  # the readers raise almost anything for a damaged file
        raise SubspaceError(
            f"{path}: the projection cannot be read ({error}): give a readable .npy or .mat file"
        ) from error
    if matrix.ndim != 2 or matrix.dtype.kind not in "fiu":
        raise SubspaceError(
            f"{path}: a projection is one matrix of real numbers, "
            f"not shape {_shape(matrix)} of {matrix.dtype}"
        )
    return matrix


def _from_matlab(path: Path) -> npt.NDArray[Any]:
    from scipy.io import loadmat

    variables = {name: v for name, v in loadmat(path).items() if not name.startswith("__")}
    named = [variables[name] for name in _MATLAB_NAMES if name in variables]
    numeric = [v for v in variables.values() if v.dtype.kind in "fiu" and v.size > 1]
    if not named + numeric:
        raise SubspaceError(
            f"{path}: no variable is a matrix of numbers (there are: "
            f"{', '.join(variables) or 'none'}): store the projection as 'W'"
        )
    matrix: npt.NDArray[Any] = (named + numeric)[0]
    return matrix


def _shape(array: npt.NDArray[Any]) -> str:
    return "×".join(map(str, array.shape)) or "scalar"
