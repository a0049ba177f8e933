from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.costs.__main__ import main
from benchmarks.costs.table import JOINT, Costs, markdown
from benchmarks.costs.work import Cost
from tests.benchmarks.peers.test_command import make_world


def test_tables_of_known_costs() -> None:
    costs = Costs(
        epochs=3,
        threads=1,
        alone={"a": Cost(seconds=2, mebibytes=10), "b": Cost(seconds=1, mebibytes=30)},
        joint={
            "joint": Cost(seconds=4, mebibytes=40),
            "mvdn": Cost(seconds=8, mebibytes=20),
            "mvldan": Cost(seconds=40, mebibytes=100),
        },
    )
    table = markdown(costs)
    assert "| SDML, in parallel, a device each | 2.0 | 30 each |" in table
    assert "| SDML, one after the other | 3.0 | 30 |" in table
    assert "| MvLDAN | 40.0 | 100 |" in table
    assert "| a | 2.0 | 10 | 50.0%, 75.0% | 75.0%, 50.0% | 95.0%, 90.0% |" in table
    assert "| b | 1.0 | 30 | 75.0%, 25.0% | 87.5%, -50.0% | 97.5%, 70.0% |" in table


@pytest.mark.slow
def test_the_command_trains_every_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world, figures = make_world(tmp_path, multi_label=False), tmp_path / "costs.json"
    arguments = ["--experiment", str(world), "--epochs", "1", "--json", str(figures)]
    assert main(arguments) == 0
    measured = json.loads(figures.read_text())
    assert set(measured["joint"]) == set(JOINT)
    assert len(measured["alone"]) == 3
    every = [*measured["joint"].values(), *measured["alone"].values()]
    assert all(cost["seconds"] > 0 and cost["mebibytes"] > 0 for cost in every)
    assert "| training all modalities | s | MiB |" in capsys.readouterr().out


def test_a_mistake_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--experiment", str(tmp_path / "none.yaml")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
