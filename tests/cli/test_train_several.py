"""``sdml train`` of several modalities: each in a process of its own, the same bits as alone."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Run
from tests.cli.test_processes import LONG, children, sha256, started, until_it_trains
from tests.steps import tiny

MODALITIES = ("image", "text", "audio")


def collection(folder: Path, run: Run, **sections: object) -> Path:
    tiny.write_sources(folder, *MODALITIES)
    file = tiny.write_experiment(folder, *MODALITIES, **sections)
    assert run("prepare", file).code == 0
    return file


def sdml(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sdml", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.slow
def test_all_of_the_file_with_the_bits_of_alone(run: Run, tmp_path: Path) -> None:
    training = {"threads": None, "batch_size": 12}
    file = collection(tmp_path, run, training=training)
    result = tmp_path / "result"
    done = sdml("train", file, "--json", "--result", result)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert [one["modality"] for one in made] == list(MODALITIES)
    assert result.read_text() == done.stdout
    assert "sdml: audio: train audio: 3/3 loss" in done.stderr
    again = sdml("train", file, "--modality=text", "--modality=image", "--reuse", "--quiet")
    assert again.returncode == 0
    assert again.stderr == ""
    lines = again.stdout.splitlines()
    assert lines[:2] == ["modality    text", f"encoder     {made[1]['encoder']}"]
    assert lines[4:6] == ["modality    image", f"encoder     {made[0]['encoder']}"]

    alone = tiny.write_experiment(tmp_path, *MODALITIES, training=training, store="alone")
    run("prepare", alone)
    for one in made:
        name = one["modality"]
        expected = run("train", alone, "--modality", name, "--json").json
        assert sha256(one["encoder"]) == sha256(expected["encoder"])


def test_a_mistake_is_told_before_anything_starts(run: Run, tmp_path: Path) -> None:
    tiny.write_sources(tmp_path, *MODALITIES)
    file = tiny.write_experiment(tmp_path, *MODALITIES)
    run("prepare", file, "--modality", "image", "--modality", "text")
    before = tiny.checksums(tmp_path / "store")
    refused = run("train", file)
    assert (refused.code, refused.out) == (2, "")
    assert "audio" in refused.err
    assert "sdml prepare" in refused.err
    unknown = run("train", file, "--modality", "image", "--modality", "video")
    assert unknown.code == 2
    assert "'video' is not in the experiment file" in unknown.err
    assert tiny.checksums(tmp_path / "store") == before


def test_several_processes_train_one_modality(run: Run, tmp_path: Path) -> None:
    tiny.write_sources(tmp_path, *MODALITIES)
    file = tiny.write_experiment(tmp_path, *MODALITIES)
    refused = run("train", file, "--processes", "2")
    assert (refused.code, refused.out) == (2, "")
    assert "name it with --modality" in refused.err


@pytest.mark.slow
def test_one_that_fails_lets_the_others_finish(run: Run, tmp_path: Path) -> None:
    file = collection(tmp_path, run)
    (features,) = (tmp_path / "store").glob("tiny/features/text/*/train.features.npy")
    np.save(features, np.zeros((3, 3), np.float32))  # damaged
    result = tmp_path / "result"
    done = sdml("train", file, "--json", "--result", result)
    assert done.returncode == 1
    assert [one["modality"] for one in json.loads(done.stdout)] == ["image", "audio"]
    assert not result.exists()
    assert "sdml: text: error: " in done.stderr
    assert done.stderr.splitlines()[-1] == (
        "sdml: error: of 3 modalities 1 were not trained: text (exit code 1): see what they have "
        "said, and run the same again"
    )


@pytest.mark.slow
def test_sigterm_stops_all_and_the_same_command_goes_on(run: Run, tmp_path: Path) -> None:
    file = collection(tmp_path, run, training=LONG)
    with started("-m", "sdml", "train", file) as process:
        until_it_trains(tmp_path / "store")
        trained = children(process)
        process.terminate()
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (143, ""), err
    assert "training was stopped in epoch" in err or "ended by SIGTERM before" in err
    assert "of 3 modalities 3 were not trained" in err.splitlines()[-1]
    assert not any(Path(f"/proc/{one}").exists() for one in trained)
    kept = {path.name for path in (tmp_path / "store/tiny/checkpoints").iterdir()}
    assert kept
    with started("-m", "sdml", "train", file, f"--modality={min(kept)}") as process:
        until_it_goes_on(process)
        process.send_signal(signal.SIGTERM)


def until_it_goes_on(process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 120
    assert process.stderr is not None
    while "training continues after epoch" not in process.stderr.readline():
        assert process.poll() is None
        assert time.monotonic() < end
