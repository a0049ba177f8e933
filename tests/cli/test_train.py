from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.steps import tiny


def test_json_is_one_object_with_these_keys(run: Run, collection: Path) -> None:
    prepared = run("prepare", collection, "--json").json
    trained = run("train", collection, "--modality", "image", "--json")
    assert trained.code == 0
    found = trained.json
    assert list(found) == ["encoder", "modality", "subspace", "best_epoch", "epochs", "seconds"]
    (encoder,) = (collection.parent / "store" / "tiny" / "encoders" / "image").iterdir()
    assert found["encoder"] == str(encoder)
    assert found["modality"] == "image"
    assert prepared["subspace"].endswith(f"/{found['subspace']}")
    assert 1 <= found["best_epoch"] <= found["epochs"] == 3
    assert found["seconds"] > 0


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
