"""Wheels for a build without an index: fetched by this machine's pip, as it is set up here."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .process import must

_CUDA = ("triton==", "cuda-", "nvidia-")


@contextmanager
def wheels_in(folder: Path, locks: Sequence[Path], kept: Path, *, cuda: bool) -> Iterator[int]:
    """The wheels of all locks lie in ``folder`` while the block runs; yields how many.

    Args:
        folder: where the Dockerfiles look for them. What was there before stays.
        locks: files of pinned requirements.
        kept: where they stay for the next time.
        cuda: also torch's CUDA build and what it needs.
    """
    kept.mkdir(parents=True, exist_ok=True)
    wanted = kept / "wanted.txt"
    # With CUDA, both: a plain builder makes the stages of the other target on its way, too.
    for lock, build in itertools.product(locks, [False, True] if cuda else [False]):
        wanted.write_text("\n".join(_wanted(lock, cuda=build)), encoding="utf-8")
        must(
            [
                *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"),
                *("--no-build-isolation", "--find-links", kept, "--wheel-dir", kept),
                *("--requirement", wanted),
            ],
            seconds=3600,
        )
    wanted.unlink()
    ours = []
    try:
        for wheel in sorted(kept.glob("*.whl")):
            target = folder / wheel.name
            if not target.exists():
                _link(wheel, target)
                ours.append(target)
        yield len(ours)
    finally:
        for target in ours:
            target.unlink(missing_ok=True)


def _wanted(lock: Path, *, cuda: bool) -> list[str]:
    """The lines of a lock; torch's build is chosen as docker/Dockerfile does."""
    text = lock.read_text(encoding="utf-8")
    build = r"torch===\1" if cuda else r"torch===\1+cpu"
    lines = re.sub(r"^torch==(\S+)", build, text, flags=re.MULTILINE).splitlines()
    return [line for line in lines if cuda or not line.startswith(_CUDA)]


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another filesystem
        shutil.copyfile(source, target)
