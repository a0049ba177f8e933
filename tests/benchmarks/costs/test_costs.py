from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.costs.__main__ import in_child, main, measure
from benchmarks.costs.table import JOINT, Costs, markdown
from benchmarks.costs.work import Cost, Request, measured
from sdml.experiment import read_experiment
from tests.benchmarks.peers.test_command import make_world


def test_tables_of_known_costs() -> None:
    costs = Costs(
        epochs=3,
        threads=1,
        alone={
            "a": Cost(seconds=2 * 2, cpu_seconds=2, mebibytes=10),
            "b": Cost(seconds=2 * 1, cpu_seconds=1, mebibytes=30),
        },
        joint={
            "joint": Cost(seconds=2 * 4, cpu_seconds=4, mebibytes=40),
            "mvdn": Cost(seconds=2 * 8, cpu_seconds=8, mebibytes=20),
            "mvldan": Cost(seconds=2 * 40, cpu_seconds=40, mebibytes=100),
        },
    )
    table = markdown(costs)
    assert "| SDML, in parallel, a device each | 4.0 | 2.0 | 30 each |" in table
    assert "| SDML, one after the other | 6.0 | 3.0 | 30 |" in table
    assert "| MvLDAN | 80.0 | 40.0 | 100 |" in table
    assert "| a | 4.0 | 2.0 | 10 | 50.0%, 75.0% | 75.0%, 50.0% | 95.0%, 90.0% |" in table
    assert "| b | 2.0 | 1.0 | 30 | 75.0%, 25.0% | 87.5%, -50.0% | 97.5%, 70.0% |" in table


def test_every_way_is_trained_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.costs.__main__.in_child", measured)  # no child to import it all
    world, figures = make_world(tmp_path, multi_label=False), tmp_path / "costs.json"
    arguments = ["--experiment", str(world), "--epochs", "1", "--json", str(figures)]
    assert main(arguments) == 0
    told = json.loads(figures.read_text())
    assert set(told["joint"]) == set(JOINT)
    assert len(told["alone"]) == 3
    assert all(cost["seconds"] > 0 for cost in [*told["joint"].values(), *told["alone"].values()])
    assert "| training all modalities | s | CPU s | MiB |" in capsys.readouterr().out


@pytest.mark.slow
def test_a_training_in_a_process_of_its_own(tmp_path: Path) -> None:
    world = read_experiment(make_world(tmp_path, multi_label=False))
    costs: list[Cost] = []

    def one(request: Request) -> Cost:
        if not costs:
            costs.append(in_child(request))
        return costs[0]

    measure(world, tmp_path / "own", 1, 1, one)
    assert costs[0].seconds > 0
    assert costs[0].mebibytes > 0


def test_a_mistake_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--experiment", str(tmp_path / "none.yaml")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
