"""Embed: codes of new samples with a stored encoder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sdml.errors import DataError
from sdml.features.files import files_of, is_glob
from sdml.features.stored import write_npy
from sdml.steps.context import Context
from sdml.steps.encoders import newest_encoder, open_encoder
from sdml.store.files import mapped_errors, replacing


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
        DataError: the samples do not fit the encoder, ``output`` names no file, or is
            the source itself.
        StoreAccessError: ``output`` must not be written.
        StoreFullError: there is no room for it.
    """
    _check_output(output, source)
    encoder = open_encoder(context, newest_encoder(context, modality))
    codes_NK = encoder.embed(source)
    _write(codes_NK, output)
    return Embedded(
        output=output,
        shape=(codes_NK.shape[0], codes_NK.shape[1]),
        encoder=encoder.version.uri,
    )


def _check_output(output: Path, source: str) -> None:
    if output.is_dir() or not output.parent.is_dir():
        problem = "is a folder" if output.is_dir() else "lies in a folder that does not exist"
        raise DataError(
            f"{output}: must name a file for the codes, but {problem}: correct --output"
        )
    if not output.exists():
        return
    inputs = [Path(source)]
    if is_glob(source):
        root, below = files_of(source, where="input")
        inputs = [root / path for path in below]
    if any(path.exists() and output.samefile(path) for path in inputs):
        raise DataError(
            f"{output}: the codes must not replace the samples that they are made of, but --output "
            f"is the file of --input {source}: name another file with --output"
        )


def _write(codes_NK: npt.NDArray[np.float32], output: Path) -> None:
    with (
        mapped_errors(output),
        replacing(output, durable=False) as partial,
        partial.open("xb") as file,
    ):
        write_npy(file, codes_NK)
