"""The encoder file: a trained network that can embed new samples, as deterministic bytes.

The released code keeps codes and throws the weights away. ``encoder.safetensors`` holds the
weights by parameter name (``hidden.0.weight`` to ``output.bias``) and a note that says which
modality and subspace they are for.

Letters: N samples, D features, K code size.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sdml.errors import DataError, IntegrityError
from sdml.experiment import TrainingSettings
from sdml.networks import Encoder
from sdml.tensorfile import pack, unpack
from sdml.training.checkpoint import settings_digest

_Width = Annotated[int, Field(ge=1)]


class _Note(BaseModel):
    """What the file says about its weights."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    format: Literal[1] = 1
    modality: str
    subspace: str
    input_dim: _Width
    hidden: tuple[_Width, ...]
    code_dim: _Width
    normalize_code: bool
    settings: str
    plain_output: bool = False


class LoadedEncoder:
    """A trained encoder.

    Attributes:
        modality: what it was trained on.
        subspace: identity of the subspace that it was trained for.
        input_dim: D.
        code_dim: K.
        settings: digest of its training's settings.
    """

    def __init__(self, note: _Note, weights: Mapping[str, npt.NDArray[Any]]) -> None:
        self.modality = note.modality
        self.subspace = note.subspace
        self.input_dim = note.input_dim
        self.code_dim = note.code_dim
        self.settings = note.settings
        self._network = _network(note)
        self._network.load_state_dict(
            {name: torch.from_numpy(array.copy()) for name, array in weights.items()}
        )

    @torch.no_grad()
    def embed(
        self,
        features_ND: npt.NDArray[np.float32],
        batch: int = 1024,
        *,
        out: npt.NDArray[np.float32] | None = None,
    ) -> npt.NDArray[np.float32]:
        """Codes (N, K) of features that were transformed as the training's were.

        Args:
            features_ND: float32; may be memory-mapped.
            batch: rows at a time, which bounds memory; the codes differ by rounding (1e-6) at most.
            out: float32 (N, K) to write to, perhaps a file; by default a new array.

        Raises:
            DataError: the width is not the encoder's, or a feature is not finite.
        """
        if features_ND.ndim != 2 or features_ND.shape[1] != self.input_dim:
            raise DataError(
                f"the {self.modality} encoder takes rows of {self.input_dim} features, but got "
                f"shape {features_ND.shape}: give features made like its training data"
            )
        shape = (len(features_ND), self.code_dim)
        codes_NK = np.empty(shape, dtype=np.float32) if out is None else out
        for start in range(0, len(features_ND), batch):
            block_BD = np.array(features_ND[start : start + batch], dtype=np.float32)
            codes_BK = self._network(torch.from_numpy(block_BD)).numpy()
            bad = np.flatnonzero(~np.isfinite(codes_BK).all(axis=1))
            if bad.size:
                raise DataError(
                    f"features must be finite numbers of ordinary size, but row {start + bad[0]} "
                    f"has no code in the {self.modality} encoder: look for NaN or infinity there"
                )
            codes_NK[start : start + batch] = codes_BK
        return codes_NK


def encoder_to_bytes(
    state: Mapping[str, npt.NDArray[Any]],
    *,
    modality: str,
    subspace: str,
    settings: TrainingSettings,
) -> bytes:
    """The encoder file.

    Args:
        state: weights by parameter name, as :func:`sdml.training.fit` returns them.
        modality: what they were trained on.
        subspace: identity of the subspace that they were trained for.
        settings: of their training.
    """
    code_dim, _ = state["output.weight"].shape
    first = "hidden.0.weight" if settings.hidden else "output.weight"
    note = _Note(
        modality=modality,
        subspace=subspace,
        input_dim=state[first].shape[1],
        hidden=settings.hidden,
        code_dim=code_dim,
        normalize_code=settings.normalize_code,
        settings=settings_digest(settings),
        plain_output="output.bias" not in state,
    )
    said = note.model_dump(mode="json", exclude=set() if note.plain_output else {"plain_output"})
    return pack(state, said)


def encoder_from_bytes(data: bytes, where: str) -> LoadedEncoder:
    """Read what :func:`encoder_to_bytes` wrote; ``where`` names it in an error.

    Raises:
        IntegrityError: the bytes are not an encoder, or the weights are not of the shapes that
            the file says, or not finite.
    """
    arrays, raw = unpack(data, where)
    try:
        note = _Note.model_validate_json(json.dumps(raw))
    except ValidationError as error:
        problem = error.errors()[0]
        raise IntegrityError(
            f"{where} must describe an encoder, but {problem['loc']}: {problem['msg']}: was it "
            "written by another version of sdml?"
        ) from error
    expected = {name: tuple(value.shape) for name, value in _network(note).named_parameters()}
    found = {name: array.shape for name, array in arrays.items()}
    if expected != found or any(array.dtype != np.float32 for array in arrays.values()):
        raise IntegrityError(
            f"{where} must hold float32 weights of shapes {expected}, but holds {found}: "
            "restore it from a backup, or train again"
        )
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise IntegrityError(
            f"{where} must hold finite weights, but some are not: restore it from a backup"
        )
    return LoadedEncoder(note, arrays)


def _network(note: _Note) -> Encoder:
    return Encoder(
        note.input_dim,
        note.hidden,
        note.code_dim,
        normalize=note.normalize_code,
        plain_output=note.plain_output,
        generator=torch.Generator().manual_seed(0),  # the initial values are replaced
    )
