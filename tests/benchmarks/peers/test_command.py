"""The command end to end: cells in child processes, kept, tracked, and the table of them."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.peers import collection, runner
from benchmarks.peers.__main__ import main
from benchmarks.peers.catalogue import chosen_peers
from benchmarks.peers.cell import Request, run_cell, write_atomically
from benchmarks.peers.memory import peak_mebibytes, resident_mebibytes
from benchmarks.peers.peer import RefusedError
from benchmarks.peers.runner import Settings, run_table, tracked_metrics
from benchmarks.peers.table import markdown
from sdml.errors import SDMLError
from sdml.experiment import Experiment, dump_experiment, read_experiment
from sdml.retrieval import Protocol, evaluate
from sdml.steps.context import Context, origin, read_subspace
from sdml.steps.encoders import codes_of, open_encoder
from sdml.steps.prepare import prepare
from sdml.steps.train import train
from sdml.tracking import MemoryTracker, NullTracker
from tests.benchmarks.peers.easy import EXPERIMENT, easy_views


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """An experiment file beside its data: three modalities, not aligned, no tracking."""
    return make_world(tmp_path, multi_label=False)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells run in this process: a child takes seconds to import what it needs."""

    def run(command: list[str], *, input: str, **_: Any) -> subprocess.CompletedProcess[str]:  # noqa: A002
        run_cell(Request(**json.loads(input)))
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr("benchmarks.peers.runner.subprocess.run", run)


def make_world(folder: Path, *, multi_label: bool) -> Path:
    views = easy_views(modalities=3, paired=False, multi_label=multi_label, samples=150)
    for name, x in views.features.items():
        split = np.arange(len(x)) % 5 // 3 + (np.arange(len(x)) % 5 == 4)  # 3 : 1 : 1
        np.savez(folder / f"{name}.npz", X=x, y=views.labels[name], split=split)
    path = folder / "experiment.yaml"
    path.write_text(f"{EXPERIMENT}\ntracking: null\n")
    return path


def settings(world: Path, *only: str, seeds: int = 1) -> Settings:
    return Settings(seeds=seeds, only=only, quick=True, threads=1, output=world.parent / "out")


def request(world: Path, name: str) -> Request:
    """For a cell in this process."""
    own, features = collection.prepared(read_experiment(world), world.parent / "prepared")
    (peer,) = chosen_peers(own, [name], quick=True)
    catalog = Context.open(own).catalog
    subspace = catalog.get(origin(catalog.get(features["image"]), "subspace")).uri
    return Request(
        experiment=dump_experiment(own),
        features=features,
        subspace=subspace,
        peer=name,
        seed=0,
        quick=True,
        threads=1,
        settings=repr(peer),
        path=str(world.parent / "cell.json"),
        key="k",
    )


def product_maps(experiment: Experiment) -> dict[str, dict[str, float]]:
    """What the product's own encoders reach under its own evaluation, by similarity."""
    context = Context.open(experiment)
    subspace = read_subspace(context.catalog, context.catalog.get(prepare(context).subspace))
    embedded = {}
    for modality in experiment.modalities:
        version = context.catalog.get(train(context, modality).encoder)
        codes_NK, split = codes_of(context, open_encoder(context, version), "test")
        embedded[modality] = codes_NK, split.labels
    result = evaluate(embedded, protocol=Protocol(), projection_KC=subspace.projection_KC)
    maps: dict[str, dict[str, float]] = {}
    for pair in result.pairs:
        maps.setdefault(pair.similarity, {})[f"{pair.query} to {pair.gallery}"] = pair.map
    return maps


def test_a_table_is_filled_kept_and_tracked(world: Path, here: None) -> None:
    experiment, tracker = read_experiment(world), MemoryTracker()
    said: list[str] = []
    wanted = settings(world, "mvda", "classifier")
    rows, modalities = run_table(experiment, wanted, tracker, said.append)
    assert said[0] == "mvda, seed 0: …"
    cell = rows[0].cells[0]
    assert len(cell["maps"]["cosine"]) == 6
    assert min(cell["maps"]["cosine"].values()) > 0.7
    assert cell["peak_mebibytes"] >= cell["start_mebibytes"] > 0
    assert cell["seconds"] > 0
    assert [run.name for run in tracker.runs] == ["mvda seed 0", "classifier seed 0"]
    logged = {metric.name: metric.value for metric in tracker.runs[0].logged_metrics}
    assert logged == tracked_metrics(cell)
    assert logged["map/image_to_text"] == cell["maps"]["cosine"]["image to text"]
    assert tracker.runs[0].logged_tags["peer"] == "mvda"
    more = replace(settings(world, "mvda", "jrl", "mvdn"), kept=True)
    finished, _ = run_table(experiment, more, tracker, said.append)
    assert [len(row.cells) for row in finished] == [1, 0, 0]
    assert "no cell is finished" in markdown(finished, modalities)
    assert len(tracker.runs) == 2
    assert tracker.runs[0].logged_tags["level"] == "benchmark"
    text = markdown(rows, modalities)
    assert "| mvda, cosine | " in text
    assert "| classifier, inner | " in text
    assert "| CCL (Peng et al., TMM 2018) | cited only: needs patches" in text

    files = sorted((wanted.output / "cells").rglob("*.json"))
    times = [path.stat().st_mtime_ns for path in files]
    said.clear()
    again, _ = run_table(experiment, wanted, tracker, said.append)
    assert said == ["mvda, seed 0: kept", "classifier, seed 0: kept"]
    assert markdown(again, modalities) == text
    assert [path.stat().st_mtime_ns for path in files] == times
    assert len(tracker.runs) == 2

    files[0].write_text("{")  # as a copy that was cut short
    said.clear()
    run_table(experiment, wanted, NullTracker(), said.append)
    assert sum(line.endswith("kept") for line in said) == 1
    assert json.loads(files[0].read_text())["key"]


def test_cells_are_tracked_once_tracking_is_there(world: Path, here: None) -> None:
    experiment, wanted = read_experiment(world), settings(world, "classifier")
    run_table(experiment, wanted, NullTracker(), lambda _: None)
    tracker = MemoryTracker()
    for _ in range(2):
        run_table(experiment, wanted, tracker, lambda _: None)
    assert [run.name for run in tracker.runs] == ["classifier seed 0"]


def test_other_data_settings_and_threads_are_other_cells(world: Path, here: None) -> None:
    experiment = read_experiment(world)

    def names(**changes: Any) -> set[str]:
        wanted = replace(settings(world, "mvda"), **changes)
        run_table(experiment, wanted, NullTracker(), lambda _: None)
        return {str(path) for path in (wanted.output / "cells").rglob("*.json")}

    first = names()
    assert len(first) == 1
    assert len(names(threads=2)) == 2
    assert len(names(quick=False)) == 3
    x = np.load(world.parent / "image.npz")
    np.savez(world.parent / "image.npz", X=x["X"] * 2, y=x["y"], split=x["split"])
    assert len(names()) == 4


def test_sdml_is_the_product(world: Path) -> None:
    cell = run_cell(request(world, "sdml"))
    store = str(world.parent / "other-store")
    theirs = product_maps(read_experiment(world).model_copy(update={"store": store}))
    for similarity, maps in theirs.items():
        assert cell["maps"][similarity] == pytest.approx(maps, abs=1e-12)


def test_settings_that_changed_in_the_meantime_are_refused(world: Path) -> None:
    with pytest.raises(SDMLError, match="the code was changed in the meantime"):
        run_cell(replace(request(world, "mvda"), settings="MvDA()"))


def test_a_two_view_method_is_trained_on_each_pair(world: Path) -> None:
    cell = run_cell(request(world, "jrl"))
    assert cell["trainings"] == 3
    assert set(cell["chosen"]) == {"image+text", "image+audio", "text+audio"}
    assert cell["pairing"] == "by class, drawn from the seed"
    assert len(cell["maps"]["cosine"]) == 6


def test_refusals_stand_in_the_table_and_are_no_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_world(tmp_path, multi_label=True)
    flags = ["--experiment", str(path), "--quick", "--only", "mvda", "dcca", "gmlda"]
    assert main(flags) == 0
    shown = capsys.readouterr().out
    assert "| mvda (Kan et al., PAMI 2016) | refused: is defined for one class" in shown
    assert "| dcca (Andrew et al., ICML 2013) | refused: needs rows" in shown
    with pytest.raises(RefusedError, match="one class a sample"):
        run_cell(request(path, "mvda"))
    assert not (tmp_path / "cell.json").exists()


def test_a_failed_cell_is_named_and_the_others_go_on(
    world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(threads: int) -> dict[str, str]:
        return {**genuine(threads), "PYTHONPATH": str(world.parent / "nowhere")}

    genuine = runner.environment
    monkeypatch.setattr(runner, "environment", broken)
    monkeypatch.chdir(world.parent)
    rows, modalities = run_table(
        read_experiment(world), settings(world, "mvda", "gmlda"), NullTracker(), lambda _: None
    )
    assert all(len(row.failed) == 1 and not row.cells for row in rows)
    assert "| failed: seed 0: " in markdown(rows, modalities)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--only", "magic"], "--only must name compared methods; received 'magic'"),
        (["--seeds", "-1"], "--seeds must be at least 1"),
        (["--threads", "0"], "--threads must be at least 1"),
    ],
)
def test_mistakes_are_one_line(
    world: Path, flags: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--experiment", str(world), *flags]) == 2
    assert message in capsys.readouterr().err
    assert not (world.parent / ".sdml").exists()


@pytest.mark.slow
def test_the_command_runs_in_a_child_and_prints_the_table(
    world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--experiment", str(world), "--quick", "--seeds", "2", "--only", "mcca"]) == 0
    (line,) = [x for x in capsys.readouterr().out.splitlines() if x.startswith("| mcca, cosine")]
    assert line.count("±") == 7  # pairing by class has a seed
    assert (world.parent / ".sdml" / "peers" / "cells").is_dir()


def test_threads_of_a_child_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    assert {runner.environment(2)[name] for name in runner._THREAD_VARIABLES} == {"2"}


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "cell.json").mkdir()
    with pytest.raises(OSError, match="irectory"):
        write_atomically(tmp_path / "cell.json", "{}")
    assert [path.name for path in tmp_path.iterdir()] == ["cell.json"]


def test_the_peak_is_at_least_what_is_there() -> None:
    before = peak_mebibytes()
    block = np.ones(8 * 2**20)  # 64 MiB
    assert peak_mebibytes() >= resident_mebibytes() > 0
    del block
    assert peak_mebibytes() >= before
