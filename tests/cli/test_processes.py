"""``--processes`` and torchrun with real processes: result, stops, failures, exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sdml.steps.prepare import prepare
from sdml.steps.processes import verdict
from tests.cli.conftest import Run
from tests.steps import tiny

TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
LONG: dict[str, Any] = {"epochs": 100_000, "checkpoint_seconds": 0}
SHORT = {**LONG, "epochs": 120}
SHARED = ("--modality=image", "--json", "--processes=2")


@pytest.mark.parametrize(
    ("codes", "stopped", "expected"),
    [
        ([0, 0], False, 0),
        ([0, 0], True, 0),  # it was nearly done
        ([2, 1], False, 2),  # the other one has lost it
        ([1, 2], True, 2),
        ([143, 143], False, 143),  # one was told, and has told the other
        ([143, 1], True, 143),
        ([-signal.SIGTERM, 143], False, 143),  # before it had a handler
        ([143, 1], False, 1),  # one has failed, and the other was told from here
        ([1, 0], False, 1),
        ([-signal.SIGKILL, 1], False, 1),
        ([0], False, 0),  # the other one was killed from here
    ],
)
def test_verdict(codes: list[int], stopped: bool, expected: int) -> None:
    assert verdict(codes, stopped=stopped) == expected


@contextmanager
def started(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """``python …`` with its output in pipes; killed at the end if it is still there."""
    process = subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        with process:
            yield process
            if process.poll() is None:
                process.terminate()
    finally:
        process.kill()


def children(process: subprocess.Popen[str]) -> list[int]:
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(word) for word in listed.split()]


def until_it_trains(store: Path) -> None:
    """A checkpoint is there."""
    end = time.monotonic() + 120
    while not any(path.suffix == ".safetensors" for path in store.rglob("checkpoints/*/*")):
        assert time.monotonic() < end
        time.sleep(0.02)


def sha256(encoder: str) -> str:
    manifest = json.loads((Path(encoder) / "manifest.json").read_text())
    (found,) = (o["sha256"] for o in manifest["objects"] if o["name"] == "encoder.safetensors")
    assert isinstance(found, str)
    return found


def collection(folder: Path, run: Run, **training: Any) -> Path:
    tiny.write_sources(folder, "image")
    file = tiny.write_experiment(folder, "image", training=training)
    assert run("prepare", file).code == 0
    return file


def history(encoder: str) -> list[dict[str, float]]:
    found = json.loads((Path(encoder) / "history.json").read_text())
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize("number", ["0", "-1"])
def test_at_least_one(run: Run, tmp_path: Path, number: str) -> None:
    file = collection(tmp_path, run)
    refused = run("train", file, "--modality", "image", f"--processes={number}")
    assert (refused.code, refused.out) == (2, "")
    assert "at least 1" in refused.err


def test_not_inside_another_launcher(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = collection(tmp_path, run)
    monkeypatch.setenv("WORLD_SIZE", "2")
    refused = run("train", file, "--modality", "image", "--processes=2")
    assert (refused.code, refused.out) == (2, "")
    assert "another launcher" in refused.err


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["--processes", "torchrun"])
def test_two_make_one_result_with_the_losses_of_one(
    run: Run, tmp_path: Path, launcher: str
) -> None:
    file = collection(tmp_path, run, epochs=4)
    alone = run("train", file, "--modality", "image", "--json").json
    result = tmp_path / "result.json"
    command = ("-m", "sdml", "train", file, "--modality=image", "--json", f"--result={result}")
    launched = [*TORCHRUN, *command] if launcher == "torchrun" else [*command, "--processes=2"]
    with started(*launched) as process:
        out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    made = json.loads(out)
    assert result.read_text() == out  # one line, from one of them
    assert err.count("sdml: train image: 4/4") == 1
    assert made["encoder"] != alone["encoder"]
    for one, other in zip(history(alone["encoder"]), history(made["encoder"]), strict=True):
        assert one == pytest.approx(other, rel=1e-5)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> str:
    """sha256 of the encoder that two processes make of :data:`SHORT`."""
    folder = tmp_path_factory.mktemp("whole")
    tiny.write_sources(folder, "image")
    file = tiny.write_experiment(folder, "image", training=SHORT)
    prepare(tiny.open_file(file))
    with started("-m", "sdml", "train", file, *SHARED) as process:
        out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return sha256(json.loads(out)["encoder"])


@pytest.mark.slow
@pytest.mark.parametrize("whom", ["all", "one"])
def test_stopped_and_continued(run: Run, tmp_path: Path, whom: str, uninterrupted: str) -> None:
    command = ("-m", "sdml", "train", collection(tmp_path, run, **SHORT), *SHARED)
    with started(*command) as process:
        until_it_trains(tmp_path / "store")
        os.kill(process.pid if whom == "all" else children(process)[1], signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (143, ""), err
    assert err.count("training was stopped in epoch") == 1
    with started(*command) as process:
        out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert "training continues after epoch" in err
    assert sha256(json.loads(out)["encoder"]) == uninterrupted


@pytest.mark.slow
def test_when_one_is_killed_the_others_end(run: Run, tmp_path: Path) -> None:
    file = collection(tmp_path, run, **LONG)
    with started("-m", "sdml", "train", file, "--modality=image", "--processes=2") as process:
        until_it_trains(tmp_path / "store")
        ranks = children(process)
        os.kill(ranks[1], signal.SIGKILL)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    assert "sdml: error: process 0 of a training ends, since another one is gone" in err
    assert "sdml: error: process 1 of 2: SIGKILL" in err
    assert not any(Path(f"/proc/{rank}").exists() for rank in ranks)


@pytest.mark.slow
def test_from_the_keyboard(run: Run, tmp_path: Path) -> None:
    file = collection(tmp_path, run, **LONG)
    with started("-m", "sdml", "train", file, "--modality=image", "--processes=2") as process:
        until_it_trains(tmp_path / "store")
        ranks = children(process)
        for one in (process.pid, *ranks):  # as a terminal does
            os.kill(one, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "sdml: error: interrupted"
    assert not any(Path(f"/proc/{rank}").exists() for rank in ranks)


@pytest.mark.slow
def test_a_mistake_that_only_process_0_can_find(run: Run, tmp_path: Path) -> None:
    tiny.write_sources(tmp_path, "image")
    file = tiny.write_experiment(tmp_path, "image")  # not prepared
    with started("-m", "sdml", "train", file, "--modality=image", "--processes=2") as process:
        _, err = process.communicate(timeout=120)
    assert process.returncode == 2
    (line,) = (line for line in err.splitlines() if line.startswith("sdml: error:"))
    assert "sdml prepare" in line


@pytest.mark.slow
@pytest.mark.parametrize("whom", ["all", "one"])
def test_torchrun_stops_in_good_order_but_says_1(run: Run, tmp_path: Path, whom: str) -> None:
    file = collection(tmp_path, run, **LONG)
    with started(*TORCHRUN, "-m", "sdml", "train", file, "--modality=image") as process:
        until_it_trains(tmp_path / "store")
        os.kill(process.pid if whom == "all" else children(process)[1], signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1  # why there is --processes
    assert err.count("sdml: error: training was stopped in epoch") == 1
