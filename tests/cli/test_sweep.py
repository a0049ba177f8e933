from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.test_train import sdml, wait_until
from tests.steps import tiny


def test_json_is_one_object_with_these_keys(run: Run, collection: Path, tmp_path: Path) -> None:
    run("prepare", collection)
    options = ("--lambda", "0", "--lambda", "0.3", "--seeds", "2")
    result = tmp_path / "log"
    swept = run("sweep", collection, "--modality", "image", *options, "--json", "--result", result)
    assert swept.code == 0, swept.err
    assert result.read_text() == swept.out
    assert list(swept.json) == ["modality", "subspace", "encoders", "seconds"]
    assert swept.json["modality"] == "image"
    found = swept.json["encoders"]
    assert list(found[0]) == [
        "lambda", "seed", "learning_rate", "best_epoch", "epochs", "validation", "encoder",
        "reused",
    ]  # fmt: skip
    assert [(each["lambda"], each["seed"]) for each in found] == [
        (0, 0),
        (0, 1),
        (0.3, 0),
        (0.3, 1),
    ]
    stored = (collection.parent / "store" / "tiny" / "encoders" / "image").iterdir()
    assert {each["encoder"] for each in found} == set(map(str, stored))
    assert not any(each["reused"] for each in found)

    again = run("train", collection, "--modality", "image", "--json", "--reuse").json
    assert again["reused"] is False  # the file's λ was none of them
    more = run("sweep", collection, "--modality", "image", "--lambda", "0.3", "--json").json
    assert [each["reused"] for each in more["encoders"]] == [True]


def test_a_person_gets_a_table(run: Run, collection: Path) -> None:
    run("prepare", collection)
    swept = run("sweep", collection, "--modality", "image", "--lambda", "0.2", "--lambda", "0.8")
    assert swept.code == 0, swept.err
    assert re.search(r"λ .* best epoch .* validation .* encoder", swept.out)
    assert re.search(r"0\.2 .* \d of 3 .* 0\.\d{4} .*/encoders/image/\S+", swept.out)
    assert "seed" not in swept.out
    assert re.search(r"\ntime        [\d.]+ s\n", swept.out)
    assert re.search(
        r"sdml: sweep image: 3/3 validation [\d.]+ to [\d.]+, [\d,]+ samples/s in 2 settings\n",
        swept.err,
    )
    again = run(
        "sweep", collection, "--modality", "image", "--lambda", "0.2", "--learning-rate", "0.01",
        "--learning-rate", "0.02",
    )  # fmt: skip
    assert "learning rate" in again.out
    assert "(trained before)" in again.out


def test_mistakes_cost_nothing(run: Run, collection: Path, tmp_path: Path) -> None:
    run("prepare", collection)
    before = tiny.checksums(collection.parent / "store")
    for options, said in (
        (["--lambda", "2"], "lambda"),
        (["--lambda", "0.1", "--lambda", "0.1"], "--lambda must name each value once"),
        (["--seeds", "0"], "--seeds must be at least 1"),
        (["--at-once", "0"], "--at-once must be at least 1"),
        (["--result", tmp_path / "missing" / "log"], "--result must name a file"),
    ):
        refused = run("sweep", collection, "--modality", "image", *options)
        assert (refused.code, refused.out) == (2, ""), options
        assert said in refused.err
    assert tiny.checksums(collection.parent / "store") == before


@pytest.mark.slow
def test_sigterm_stops_a_sweep_that_then_goes_on(run: Run, tmp_path: Path) -> None:
    tiny.write_sources(tmp_path, "image")
    training = {"epochs": 40, "batch_size": 4, "checkpoint_seconds": 0}
    sweep = {"lambdas": [0.1, 0.5, 0.9]}
    file = tiny.write_experiment(tmp_path, "image", training=training, sweep=sweep)
    run("prepare", file)
    with sdml("sweep", file, "--modality", "image") as process:
        wait_until(tmp_path / "store", "checkpoints/*/*")
        process.terminate()
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (143, "")
    stopped = re.search(
        r"sdml: error: training of 3 settings at once was stopped in epoch (\d+) of 40, after ", err
    )
    assert stopped, err
    assert not list((tmp_path / "store").rglob("encoders/*"))
    resumed = run("sweep", file, "--modality", "image", "--json")
    assert f"training continues after epoch {int(stopped[1]) - 1}" in resumed.err
    stored = (tmp_path / "store" / "tiny" / "encoders" / "image").iterdir()
    assert {each["encoder"] for each in resumed.json["encoders"]} == set(map(str, stored))
