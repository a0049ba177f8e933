"""Embed: codes of new samples with a stored encoder."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sdml.errors import DataError
from sdml.steps.context import Context
from sdml.steps.encoders import newest_encoder, open_encoder


@dataclass(frozen=True, kw_only=True)
class Embedded:
    """Where the codes were written, their shape (N, K), and the encoder that made them."""

    output: Path
    shape: tuple[int, int]
    encoder: str


def embed(context: Context, modality: str, source: str, output: Path) -> Embedded:
    """Embed samples and write their codes as a float32 .npy file (N, K).

    Args:
        source: an .npy file of vectors as the modality's source has them, or raw items (a file
            or a glob) for a modality with an extractor.

    Raises:
        NotFoundError: the modality has no encoder.
        DataError: the samples do not fit the encoder, or ``output`` cannot be written.
    """
    encoder = open_encoder(context, newest_encoder(context, modality))
    codes_NK = encoder.embed(source)
    _write(codes_NK, output)
    return Embedded(
        output=output,
        shape=(codes_NK.shape[0], codes_NK.shape[1]),
        encoder=encoder.version.uri,
    )


def _write(codes_NK: npt.NDArray[np.float32], output: Path) -> None:
    try:
        with tempfile.NamedTemporaryFile(dir=output.parent, delete=False) as file:
            np.save(file, codes_NK, allow_pickle=False)
        Path(file.name).chmod(0o644)
        Path(file.name).replace(output)
    except OSError as error:
        raise DataError(
            f"{output}: the codes cannot be written: {error.strerror}: name another --output"
        ) from error
