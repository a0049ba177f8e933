from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.steps import tiny


def test_json_is_one_object_with_these_keys(run: Run, collection: Path) -> None:
    prepared = run("prepare", collection, "--json").json
    trained = run("train", collection, "--modality", "image", "--json")
    assert trained.code == 0
    found = trained.json
    assert list(found) == [
        "encoder", "modality", "subspace", "best_epoch", "epochs", "seconds", "reused",
    ]  # fmt: skip
    (encoder,) = (collection.parent / "store" / "tiny" / "encoders" / "image").iterdir()
    assert found["encoder"] == str(encoder)
    assert found["modality"] == "image"
    assert prepared["subspace"].endswith(f"/{found['subspace']}")
    assert 1 <= found["best_epoch"] <= found["epochs"] == 3
    assert found["seconds"] > 0
    assert found["reused"] is False


def test_without_a_terminal_progress_is_plain_lines(run: Run, collection: Path) -> None:
    run("prepare", collection)
    trained = run("train", collection, "--modality", "text")
    assert trained.code == 0
    assert "\x1b" not in trained.err
    assert "\r" not in trained.err
    assert re.fullmatch(
        r"sdml: train text: 3/3 loss [\d.]+, validation [\d.]+, [\d,]+ samples/s\n"
        r"sdml: trained text in [\d.]+ s: \S+/encoders/text/\S+\n",
        trained.err,
    )
    assert re.fullmatch(
        r"encoder     \S+/encoders/text/\S+\nbest epoch  \d of 3\ntime        [\d.]+ s\n",
        trained.out,
    )


def test_quiet_says_nothing_but_the_result(run: Run, collection: Path) -> None:
    run("prepare", collection)
    trained = run("train", collection, "--modality", "text", "--quiet")
    assert trained.err == ""
    assert trained.out.startswith("encoder ")


def test_a_terminal_gets_a_bar_and_standard_output_stays_clean(
    run: Run, collection: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("prepare", collection)
    monkeypatch.setenv("FORCE_COLOR", "1")
    trained = run("train", collection, "--modality", "text", "--json")
    assert trained.json["modality"] == "text"
    assert "\x1b" in trained.err
    assert "train text" in trained.err


def test_the_result_is_also_in_a_file(run: Run, collection: Path, tmp_path: Path) -> None:
    run("prepare", collection)
    result = tmp_path / "termination-log"
    result.touch()
    trained = run("train", collection, "--modality", "text", "--json", "--result", result)
    assert result.read_text() == trained.out


def test_a_result_that_cannot_be_written_is_refused_before_training(
    run: Run, collection: Path, tmp_path: Path
) -> None:
    run("prepare", collection)
    before = tiny.checksums(collection.parent / "store")
    missing = tmp_path / "missing" / "log"
    refused = run("train", collection, "--modality", "text", "--result", missing)
    assert (refused.code, refused.out) == (2, "")
    assert str(missing) in refused.err
    assert tiny.checksums(collection.parent / "store") == before


def test_a_failure_leaves_the_result_file_as_it_was(
    run: Run, collection: Path, tmp_path: Path
) -> None:
    result = tmp_path / "log"
    assert run("train", collection, "--modality", "text", "--result", result).code == 2
    assert not result.exists()


def test_reuse_takes_what_is_there(run: Run, collection: Path) -> None:
    run("prepare", collection)
    arguments = ("train", collection, "--modality", "text", "--reuse")
    first, again = run(*arguments, "--json").json, run(*arguments, "--json").json
    assert (first["reused"], again["reused"]) == (False, True)
    same = ("encoder", "modality", "subspace", "best_epoch", "epochs")
    assert [first[key] for key in same] == [again[key] for key in same]
    said = run(*arguments)
    assert "time        none, it was trained before" in said.out
    assert said.err == f"sdml: text was trained before: {first['encoder']}\n"


def sdml(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "sdml", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until(there: Path, pattern: str) -> None:
    end = time.monotonic() + 120
    while not any(path.suffix == ".safetensors" for path in there.rglob(pattern)):
        assert time.monotonic() < end
        time.sleep(0.01)


def test_sigterm_stops_a_training_that_then_goes_on(run: Run, tmp_path: Path) -> None:
    """36 batches an epoch, a checkpoint after each epoch: the signal comes in the middle of one."""
    tiny.write_sources(tmp_path, "image")
    training = {"epochs": 60, "batch_size": 1, "checkpoint_seconds": 0}
    file = tiny.write_experiment(tmp_path, "image", training=training)
    run("prepare", file)
    result = tmp_path / "log"
    with sdml("train", file, "--modality", "image", "--result", result) as process:
        wait_until(tmp_path / "store", "checkpoints/*/*")
        process.terminate()
        process.terminate()
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (143, "")
    assert not result.exists()
    *_, line = err.splitlines()  # on a busy machine after one about progress
    stopped = re.match(
        r"sdml: error: training was stopped in epoch (\d+) of 60, after (\d+) of its batches", line
    )
    assert stopped, line
    assert not list((tmp_path / "store").rglob("encoders/*"))

    resumed = run("train", file, "--modality", "image", "--json")
    epochs = int(stopped[1]) - 1
    assert f"sdml: training continues after epoch {epochs}" in resumed.err
    whole = tiny.write_experiment(tmp_path, "image", training=training, store="whole")
    run("prepare", whole)
    expected = run("train", whole, "--modality", "image", "--json").json["encoder"]
    for name in ("encoder.safetensors", "history.json"):
        contents = [Path(found) / name for found in (resumed.json["encoder"], expected)]
        one, other = (hashlib.sha256(path.read_bytes()).hexdigest() for path in contents)
        assert one == other


def test_sigterm_while_it_starts_ends_it_at_once(collection: Path) -> None:
    """A pipe in place of the experiment file: it waits there until somebody writes."""
    fifo = collection.parent / "never.yaml"
    os.mkfifo(fifo)
    with sdml("train", fifo, "--modality", "image") as process:
        writer = os.open(fifo, os.O_WRONLY)  # waits until it reads
        process.terminate()
        out, err = process.communicate(timeout=60)
        os.close(writer)
    assert (process.returncode, out) == (143, "")
    (line,) = err.splitlines()
    assert line.startswith("sdml: error: ended by SIGTERM before there was anything to keep")


@pytest.mark.slow
def test_it_is_tracked_in_a_database_beside_the_file(run: Run, tmp_path: Path) -> None:
    import sqlite3

    pytest.importorskip("mlflow")
    tiny.write_sources(tmp_path, "image")
    file = tiny.write_experiment(tmp_path, "image", tracking="sqlite:///track/mlflow.db")
    run("prepare", file)
    trained = run("train", file, "--modality", "image", "--json")
    assert trained.code == 0, trained.err
    assert trained.json["modality"] == "image"
    connection = sqlite3.connect(tmp_path / "track" / "mlflow.db")
    try:
        tags = dict(connection.execute("select key, value from tags").fetchall())
        metrics = {key for (key,) in connection.execute("select distinct key from metrics")}
    finally:
        connection.close()
    assert tags["encoder"] == trained.json["encoder"]
    assert {"loss/train", "supervised/validation", "lambda"} <= metrics
