"""Real processes: killed at several moments, run twice, run beside another training."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sdml.training import fit
from sdml.training.encoder_file import encoder_to_bytes
from tests.training.trainee import SETTINGS, SUBSPACE, modality

ROOT = Path(__file__).parents[2]


@contextmanager
def trainee(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.training.trainee", str(folder), *arguments],
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        with process:
            yield process
    finally:
        process.kill()


def run_until(process: subprocess.Popen[str], moment: str) -> str:
    """Let it run until it says a line that begins with ``moment``; it waits there."""
    assert process.stdin
    assert process.stdout
    for line in process.stdout:
        if line.startswith(moment):
            return line.strip()
        go_on(process)
    raise AssertionError(f"it ended before {moment!r}")


def go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


def uninterrupted(features: int = 20) -> bytes:
    """The encoder of the same training in this process, without checkpoints."""
    result = fit(modality(features=features, seed=features - 20), SUBSPACE.projection_KC, SETTINGS)
    return encoder_to_bytes(
        result.encoder_state, modality="m", subspace=SUBSPACE.identity, settings=SETTINGS
    )


def test_killed_again_and_again(tmp_path: Path) -> None:
    for moment in ("saving 1", "epoch 2", "saving 3"):
        with trainee(tmp_path) as process:
            run_until(process, moment)
            if moment.startswith("epoch"):
                go_on(process)  # into the next epoch
            process.kill()
    with trainee(tmp_path) as process:
        said = run_until(process, "done")
        go_on(process)
    # killed in the first save, then after or in the save of epoch 3, then two epochs later
    assert said in ("done, resumed from 4", "done, resumed from 5")
    assert (tmp_path / "encoder.safetensors").read_bytes() == uninterrupted()


def test_two_modalities_side_by_side_and_alone(tmp_path: Path) -> None:
    folders = {features: tmp_path / str(features) for features in (20, 33)}
    with ExitStack() as stack:
        processes = []
        for features, folder in folders.items():
            folder.mkdir()
            processes.append(stack.enter_context(trainee(folder, str(features))))
        for step in range(2, 9):
            for process in processes:  # both are in their training at every moment
                run_until(process, f"epoch {step}")
                go_on(process)
        for process in processes:
            run_until(process, "done")
            go_on(process)
    for features, folder in folders.items():
        assert (folder / "encoder.safetensors").read_bytes() == uninterrupted(features)
