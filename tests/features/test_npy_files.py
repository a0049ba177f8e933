"""Files that grow block by block hold what ``numpy.save`` writes, however small the pieces are."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from sdml.features import npy_files as module
from sdml.features import rows
from sdml.features.npy_files import NpyFiles

N, D = 500, 7
VALUES_ND = np.random.default_rng(0).normal(size=(N, D)).astype(np.float32)
SIDES = (np.arange(0, N, 3), np.setdiff1d(np.arange(N), np.arange(0, N, 3)))


def write(folder: Path, *, draft: bool = False) -> list[module.Written]:
    """Two files side by side, from one buffer that is used again."""
    block_BD = np.empty((40, D), dtype=np.float32)
    with NpyFiles(D, draft=draft) as files:
        growing = [files.open(folder / f"{i}.npy", len(side)) for i, side in enumerate(SIDES)]
        for start in range(0, N, len(block_BD)):
            part_BD = block_BD[: N - start]
            part_BD[:] = VALUES_ND[start : start + len(part_BD)]
            for target, side in zip(growing, SIDES, strict=True):
                inside = side[(start <= side) & (side < start + len(part_BD))] - start
                files.add(target, part_BD, inside)
        return files.finish()


@pytest.mark.parametrize("piece", [1, 100, 1 << 18])
@pytest.mark.parametrize("buffer", [1, 4 * D * 33, 1 << 20])
def test_the_bytes_are_those_of_numpy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int, buffer: int
) -> None:
    monkeypatch.setattr(module, "_PIECE", piece)
    monkeypatch.setattr(module, "_FLUSHED", 1000)
    monkeypatch.setattr(rows, "BLOCK_BYTES", buffer)
    for written, side in zip(write(tmp_path), SIDES, strict=True):
        np.save(tmp_path / "expected.npy", VALUES_ND[side])
        data = written.path.read_bytes()
        assert data == (tmp_path / "expected.npy").read_bytes()
        assert (written.bytes, written.sha256) == (len(data), hashlib.sha256(data).hexdigest())


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="needs posix_fadvise")
@pytest.mark.parametrize("draft", [False, True])
def test_the_disk_is_told_of_what_is_written_and_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, draft: bool
) -> None:
    monkeypatch.setattr(module, "_FLUSHED", 1000)
    monkeypatch.setattr(rows, "BLOCK_BYTES", 4 * D * 33)
    told: dict[int, list[tuple[int, int]]] = {}
    advise = os.posix_fadvise

    def noted(file: int, start: int, count: int, advice: int) -> None:
        status = os.fstat(file)
        assert start + count <= status.st_size
        told.setdefault(status.st_ino, []).append((start, start + count))
        advise(file, start, count, advice)

    monkeypatch.setattr(os, "posix_fadvise", noted)
    written = write(tmp_path, draft=draft)
    assert bool(written) is bool(told) is not draft
    for file in written:
        ranges = told[file.path.stat().st_ino]
        assert [0] + [stop for _, stop in ranges[:-1]] == [start for start, _ in ranges]
        assert file.bytes - ranges[-1][1] < 1000 + 4 * D * 33


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_what_the_disk_refuses_is_said(tmp_path: Path) -> None:
    with NpyFiles(D) as files:
        growing = files.open(tmp_path / "x.npy", N)
        growing.file.close()
        growing.file = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115
        files.add(growing, VALUES_ND)
        with pytest.raises(OSError, match="No space left"):
            files.finish()
