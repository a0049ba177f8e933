from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.steps import tiny


@pytest.fixture(autouse=True)
def _plain_report(monkeypatch: pytest.MonkeyPatch, finished_once: Path) -> None:
    module = sys.modules["sdml.steps.evaluate"]
    monkeypatch.setattr(module, "build_report", tiny.report_without_figures)


def test_json_is_one_object_with_these_keys(run: Run, finished: Path) -> None:
    evaluated = run("evaluate", finished, "--json")
    assert evaluated.code == 0
    found = evaluated.json
    assert list(found) == ["pairs", "mean_map", "report"]
    for pair in found["pairs"]:
        assert list(pair) == ["query", "gallery", "map", "map_at_k", "chance"]
        assert 0 <= pair["map"] <= 1
    assert [(p["query"], p["gallery"]) for p in found["pairs"]] == [
        ("image", "text"),
        ("text", "image"),
    ]
    assert found["mean_map"] == pytest.approx(sum(p["map"] for p in found["pairs"]) / 2)
    assert (Path(found["report"]) / "report.html").is_file()


def test_text_is_a_table_and_the_place_of_the_report(run: Run, finished: Path) -> None:
    found = run("evaluate", finished, "--json").json
    shown = run("evaluate", finished)
    assert f"{found['pairs'][0]['map']:.3f}" in shown.out
    assert f"{found['mean_map']:.3f}" in shown.out
    assert shown.out.splitlines()[-1].startswith("report  ")
    assert shown.err.startswith("sdml: evaluated 2 pairs: ")
    assert run("evaluate", finished, "--quiet").err == ""


def test_every_lambda_of_a_sweep(run: Run, finished: Path) -> None:
    for modality in ("image", "text"):
        swept = run("sweep", finished, "--modality", modality, "--lambda", "0.2", "--lambda", "0.5")
        assert swept.code == 0, swept.err
    found = json.loads(
        run("evaluate", finished, "--lambda", "0.5", "--lambda", "0.2", "--json").out
    )
    assert [each["lambda"] for each in found] == [0.5, 0.2]
    assert list(found[0]) == ["lambda", "pairs", "mean_map", "report"]
    shown = run("evaluate", finished, "--lambda", "0.2")
    assert f"{found[1]['mean_map']:.3f}" in shown.out
    refused = run("evaluate", finished, "--sweep")
    assert refused.code == 2
    assert "with lambda 0" in refused.err
    assert run("evaluate", finished, "--sweep", "--lambda", "0.2").code == 2
