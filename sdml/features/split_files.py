"""The vectors of a feature set, brought into splits and transformed, in files.

One pass over the source copies each row into the file of its split. Transforms that need nothing
but the row are done on the way. Each ``standardize`` needs statistics of the whole train split as
the transforms before it leave it: two passes over its file, then one that rewrites all three. Only
the last pass is hashed and waits for the disk.

Letters: N samples of the source, D features, B rows of a block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sdml.experiment import SPLITS, SplitName
from sdml.experiment.modality import Transform
from sdml.features.npy_files import NpyFiles, Written, npy_header
from sdml.features.rows import Rows, block_rows
from sdml.features.table import TRAIN, FloatArray
from sdml.features.transforms import BlockTransform, Standardization, TransformState, statistics
from sdml.features.validation import RowDigests
from sdml.rowfile import RowFile

_Digests = npt.NDArray[np.uint64]


@dataclass(frozen=True, kw_only=True, eq=False)
class SplitFiles:
    """The finished files by split, the fitted transforms, and how many rows train holds too."""

    files: dict[SplitName, Written]
    transform: TransformState
    duplicates: dict[SplitName, int]


def write_splits(
    rows: Rows,
    split_N: npt.NDArray[np.int8],
    steps: Sequence[Transform],
    folder: Path,
    *,
    where: str,
) -> SplitFiles:
    """Read all rows once and write ``<split>.features.npy`` into ``folder``.

    Args:
        rows: all vectors.
        split_N: which split each belongs to: 0, 1, 2, or -1 for none.
        steps: transforms in order; what is fitted is fitted on train only.
        folder: where the files go.
        where: names the modality in errors.

    Raises:
        DataError: a value is not finite, also after a transform.
        OSError: a file takes no more.
    """
    sizes = {split: int((split_N == number).sum()) for number, split in enumerate(SPLITS)}
    paths = {split: folder / f"{split}.features.npy" for split in SPLITS}
    shapes = {split: (size, rows.shape[1]) for split, size in sizes.items()}
    places = {split: f"{where}: {split}" for split in SPLITS}
    first, *later = _stages(steps)
    transform = BlockTransform(first, [], rows.shape[1], where=where)
    digester, digests = RowDigests(rows.shape[1]), list[_Digests]()
    with NpyFiles(rows.shape[1], draft=bool(later)) as files:
        growing = [files.open(paths[split], sizes[split]) for split in SPLITS]
        start = 0
        for block_BD in rows.blocks():
            inside_B = split_N[start : start + len(block_BD)]
            start += len(block_BD)
            digests.append(digester.of(block_BD))
            made_BD = transform.of(block_BD)
            for number, target in enumerate(growing):
                files.add(target, made_BD, np.flatnonzero(inside_B == number))
        written = files.finish()
    fitted: list[Standardization] = []
    for number, stage in enumerate(later, 1):
        fitted.append(statistics(shapes["train"], _reader(paths["train"], shapes["train"])))
        with NpyFiles(rows.shape[1], draft=number < len(later)) as files:
            for split in SPLITS:
                again = files.open(paths[split], sizes[split], again=True)
                transform = BlockTransform(stage, fitted[-1:], rows.shape[1], where=places[split])
                for block_BD in _file_blocks(paths[split], shapes[split]):
                    files.add(again, transform.of(block_BD))
            written = files.finish()
    return SplitFiles(
        files=dict(zip(SPLITS, written, strict=True)),
        transform=TransformState(steps=tuple(steps), dimension=rows.shape[1], fitted=tuple(fitted)),
        duplicates=_duplicates(np.concatenate(digests), split_N),
    )


def _stages(steps: Sequence[Transform]) -> list[list[Transform]]:
    """What is done in each pass: ``standardize``, and nothing else, begins a new one."""
    stages: list[list[Transform]] = [[]]
    for step in steps:
        if step == "standardize":
            stages.append([])
        stages[-1].append(step)
    return stages


def _file_blocks(path: Path, shape: tuple[int, int]) -> Iterator[FloatArray]:
    """The rows of a written file in order; the next block overwrites the last."""
    read, step = _reader(path, shape), block_rows(shape[1])
    for start in range(0, shape[0], step):
        yield read(slice(start, min(start + step, shape[0])))


def _reader(path: Path, shape: tuple[int, int]) -> Callable[[slice], FloatArray]:
    """What gives rows of a written file; the next overwrite the last."""
    file = RowFile(path, offset=len(npy_header(shape)), shape=shape)
    buffer_BD = np.empty((0, shape[1]), dtype=np.float32)

    def read(rows: slice) -> FloatArray:
        nonlocal buffer_BD
        height = rows.stop - rows.start
        if height > len(buffer_BD):
            buffer_BD = np.empty((height, shape[1]), dtype=np.float32)
        file.block(rows.start, buffer_BD[:height])
        return buffer_BD[:height]

    return read


def _duplicates(digests_N: _Digests, split_N: npt.NDArray[np.int8]) -> dict[SplitName, int]:
    """Of each other split, how many rows train has as well."""
    train = np.sort(digests_N[split_N == TRAIN])
    found = {}
    for number, split in list(enumerate(SPLITS))[1:]:
        sought = np.sort(digests_N[split_N == number])  # in order, the search stays in the cache
        nearest = np.searchsorted(train, sought).clip(max=len(train) - 1)
        found[split] = int((train[nearest] == sought).sum())
    return found
