"""docs/cli.md says what is true today."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.conftest import Run
from tests.cli.test_main import ALLOWED, COMMANDS, COMMON
from tests.steps import tiny

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")


def chapter(command: str) -> str:
    """The page's text about one command."""
    found = re.search(rf"^## sdml {command}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"no chapter about sdml {command}"
    return found[1]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_and_no_other_is_described(command: str) -> None:
    rows = [line for line in chapter(command).splitlines() if line.startswith("| `--")]
    described = {flag for row in rows for flag in re.findall(r"--[a-z-]+", row.split(" | ")[0])}
    assert described == {name for name in ALLOWED[command] if name.startswith("--")}
    assert f"sdml {command}" in PAGE.split("## All commands")[0]


def test_the_common_options_and_exit_codes_are_described() -> None:
    common = PAGE.split("## All commands")[1].split("\n## ")[0]
    for flag in COMMON:
        assert f"`{flag}`" in common
    assert re.findall(r"^\| (\d+) \|", common, re.MULTILINE) == ["0", "1", "2", "130", "143"]


def example(command: str) -> Any:
    """The JSON object that the page shows."""
    (block,) = re.findall(r"```json\n(.*?)```", chapter(command), re.DOTALL)
    return json.loads(block)


def shape(value: Any) -> Any:
    """Keys and types; of a list, the shape of its first member."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value[:1]]
    return type(value)


def test_the_objects_shown_are_those_of_the_commands(
    run: Run, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sys.modules["sdml.steps.evaluate"]
    monkeypatch.setattr(module, "build_report", tiny.report_without_figures)
    x, labels = tmp_path / "x.npy", tmp_path / "y.npy"
    np.save(x, tiny.arrays("image")["X"][:9])
    np.save(labels, np.arange(9) % 3)
    given = ("--modality", "image", "--input", x)
    made = {
        "init": run("init", finished.parent / "image.npz", "--output", tmp_path / "e", "--json"),
        "prepare": run("prepare", finished, "--modality", "image", "--json"),
        "train": run("train", finished, "--modality", "image", "--json"),
        "sweep": run("sweep", finished, "--modality", "image", "--lambda", "0.5", "--json"),
        "evaluate": run("evaluate", finished, "--json"),
        "embed": run("embed", finished, *given, "--output", tmp_path / "c.npy", "--json"),
        "search": run(
            "search", finished, "--query", "image", "--input", x, "--gallery", "text",
            "--class", "1", "--json",
        ),
        "score": run(
            "score", "--query", x, "--query-labels", labels, "--gallery", x,
            "--gallery-labels", labels, "--json",
        ),
    }  # fmt: skip
    for command, outcome in made.items():
        assert outcome.code == 0, outcome.err
        assert shape(outcome.json) == shape(example(command)), command
    compared = run("compare", "--experiment", finished, "--json").json
    (shown,) = example("compare")["rows"]
    assert list(compared["rows"][0]) == list(shown)
    listed = run("list", finished, "--json").json
    encoders = {"items": [item for item in listed["items"] if item["kind"] == "encoder"]}
    assert shape(encoders) == shape(example("list"))
    report = next(item["uri"] for item in listed["items"] if item["kind"] == "report")
    collected = run("gc", finished, "--version", report, "--dry-run", "--json").json
    assert shape(collected) == shape(example("gc"))
    assert shape(example("resend")) == {"sent": int}
