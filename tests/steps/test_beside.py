"""Processes beside each other, with small programs in place of trainings."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdml.steps.beside import Outcome, run_beside
from sdml.steps.schedule import Job, Machine

REPORT = """
import json, os, sys
print("begins", file=sys.stderr)
names = ("SDML_CORES", "CUDA_VISIBLE_DEVICES", "FORCE_COLOR")
print(json.dumps({name: os.environ.get(name) for name in names}))
"""
WAIT = "import pathlib, sys, time; pathlib.Path(sys.argv[1]).touch(); time.sleep(600)"


def jobs(*names: str, **given: object) -> list[Job]:
    wanted = {"seconds": 1.0, "step_seconds": 1.0, "memory": 1, **given}
    return [Job(name=name, **wanted) for name in names]  # type: ignore[arg-type]


def run(
    programs: dict[str, list[str]], plan: list[Job], machine: Machine, **given: object
) -> tuple[Outcome, list[tuple[str, str]]]:
    said: list[tuple[str, str]] = []
    stop = given.pop("stop", lambda: False)
    outcome = run_beside(
        plan,
        machine,
        lambda name: programs[name],
        stop,  # type: ignore[arg-type]
        lambda name, line: said.append((name, line)),
        **given,  # type: ignore[arg-type]
    )
    return outcome, said


def test_each_is_told_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    plan = [*jobs("a", threads=2), *jobs("b")]
    programs = {"a": ["-c", REPORT], "b": ["-c", REPORT]}
    outcome, said = run(programs, plan, Machine(cores=2, memory=9))
    assert (outcome.code, outcome.failed, outcome.not_begun) == (0, {}, [])
    assert outcome.results["a"]["SDML_CORES"] == "2"
    assert outcome.results["b"]["SDML_CORES"] == "1"
    assert outcome.results["a"]["FORCE_COLOR"] is None
    assert said == [("a", "begins"), ("b", "begins")]  # both do not fit at once


@pytest.mark.parametrize(
    ("visible", "expected"), [(None, ["0", "1", "0"]), ("5,GPU-7", ["5", "GPU-7", "5"])]
)
def test_each_sees_one_gpu(
    monkeypatch: pytest.MonkeyPatch, visible: str | None, expected: list[str]
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    plan = jobs("a", "b", "c", "pinned", gpu=True)
    programs = {job.name: ["-c", REPORT] for job in plan}
    outcome, _ = run(programs, plan, Machine(cores=4, memory=9, gpus=2), pinned={"pinned": 1})
    seen = {name: result["CUDA_VISIBLE_DEVICES"] for name, result in outcome.results.items()}
    assert [seen[name] for name in "abc"] == expected
    assert seen["pinned"] == visible


def test_one_that_fails_stops_nobody() -> None:
    plan = jobs("a", "b", "c")
    programs = {"a": ["-c", "raise SystemExit(1)"], "b": ["-c", "raise SystemExit(2)"]}
    outcome, _ = run({**programs, "c": ["-c", REPORT]}, plan, Machine(cores=1, memory=9))
    assert (outcome.code, outcome.failed) == (2, {"a": 1, "b": 2})
    assert list(outcome.results) == ["c"]


def test_a_stop_reaches_those_that_run_and_the_rest_does_not_begin(tmp_path: Path) -> None:
    plan = jobs("a", "b", "c")
    programs = {job.name: ["-c", WAIT, str(tmp_path / job.name)] for job in plan}
    outcome, _ = run(
        programs,
        plan,
        Machine(cores=2, memory=9),
        stop=lambda: all((tmp_path / name).exists() for name in "ab"),
    )
    assert outcome.code == 143
    assert outcome.failed == {"a": -15, "b": -15}
    assert outcome.not_begun == ["c"]
    assert not (tmp_path / "c").exists()


def test_what_says_much_is_read_while_it_runs() -> None:
    loop = f"for _ in range(5000): print('x' * 99, file=__import__('sys').stderr)\n{REPORT}"
    outcome, said = run({"a": ["-c", loop]}, jobs("a"), Machine(cores=1, memory=9))
    assert outcome.code == 0
    assert len(said) == 5001
