from __future__ import annotations

import shutil
import statistics
from pathlib import Path
from typing import Any

import pytest

from sdml.steps.compare import compare
from sdml.steps.evaluate import Evaluated, evaluate
from sdml.steps.train import train
from sdml.tracking import open_tracker
from tests.cli.conftest import Run
from tests.steps import tiny

FIRST = "posterior"
"""The similarity of an evaluation's own figures."""


@pytest.fixture(scope="module")
def several(finished_once: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A collection with λ 0.5 under three seeds, and λ 0.1 under one; evaluations by name."""
    folder = tmp_path_factory.mktemp("several") / "copy"
    shutil.copytree(finished_once.parent, folder)
    found: dict[str, Any] = {"folder": folder}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sdml.steps.evaluate.build_report", tiny.report_without_figures)
        for name, settings in (
            ("s1", {"seed": 1}),
            ("s2", {"seed": 2}),
            ("small", {"lambda": 0.1}),
        ):
            context = tiny.open_file(
                tiny.write_experiment(folder, "image", "text", training=settings)
            )
            for modality in ("image", "text"):
                train(context, modality)
            found[name] = evaluate(context)
        again = evaluate(context)  # the same once more is no other seed
        assert again.mean_map == found["small"].mean_map
    found["file"] = tiny.write_experiment(folder, "image", "text")
    return found


def figure(several: dict[str, Any], name: str) -> float:
    evaluated: Evaluated = several[name]
    return evaluated.mean_map


def test_seeds_are_one_row_with_their_spread(run: Run, several: dict[str, Any]) -> None:
    rows = run("compare", "--experiment", several["file"], "--json").json["rows"]
    assert [(r["lambda"], r["similarity"], r["seeds"]) for r in rows] == [
        ("0.1", "cosine", 1),
        ("0.5", "cosine", 3),
        ("0.1", "posterior", 1),
        ("0.5", "posterior", 3),
    ]
    context = tiny.open_file(several["file"])
    (first, *_) = context.catalog.versions("report")
    (shown,) = (r.map.mean for r in compare(context, [first.uri]).rows if r.similarity == FIRST)
    values = [shown, figure(several, "s1"), figure(several, "s2")]
    assert rows[3]["map"]["mean"] == pytest.approx(statistics.fmean(values))
    assert rows[3]["map"]["deviation"] == pytest.approx(statistics.stdev(values))
    assert rows[2]["map"] == {"mean": pytest.approx(figure(several, "small")), "deviation": None}
    pairs = {f"{p['query']} → {p['gallery']}": p["map"] for p in several["small"].pairs}
    assert {name: f["mean"] for name, f in rows[2]["pairs"].items()} == pytest.approx(pairs)


def test_the_table_and_the_page(run: Run, several: dict[str, Any], tmp_path: Path) -> None:
    page = tmp_path / "c.html"
    shown = run("compare", "--experiment", several["file"], "--pairs", "--html", page)
    assert shown.code == 0
    mean = f"{figure(several, 'small'):.3f}"
    (line,) = [row for row in shown.out.splitlines() if row.startswith("│ 0.1") and FIRST in row]
    assert mean in line
    assert "image → text" in shown.out
    assert "±" in shown.out
    text = page.read_text(encoding="utf-8")
    assert f"{mean}</td>" in text
    assert "<svg" in text  # λ has two values
    assert "src=" not in text
    assert "tiny: comparison" in text


def test_reports_are_named_by_uri_id_or_run(
    run: Run, several: dict[str, Any], tmp_path: Path
) -> None:
    uri = several["small"].report
    by_uri = run("compare", uri, "--json").json
    assert {r["lambda"] for r in by_uri["rows"]} == {"0.1"}
    name = uri.rpartition("/")[2]
    assert run("compare", "--experiment", several["file"], name, "--json").json == by_uri
    tracking = f"sqlite:///{tmp_path}/mlflow.db"
    with open_tracker(tracking).start("tiny", "evaluate", tags={"report": uri}) as tracked:
        pass
    file = tiny.write_experiment(several["folder"], "image", "text", tracking=tracking)
    try:
        assert run("compare", "--experiment", file, tracked.id, "--json").json == by_uri
    finally:
        tiny.write_experiment(several["folder"], "image", "text")


def test_settings_that_differ_are_named(run: Run, several: dict[str, Any], tmp_path: Path) -> None:
    folder = shutil.copytree(several["folder"], tmp_path / "copy")
    file = tiny.write_experiment(folder, "image", "text", training={"epochs": 4})
    context = tiny.open_file(file)
    train(context, "image")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sdml.steps.evaluate.build_report", tiny.report_without_figures)
        evaluate(context)
    rows = run("compare", "--experiment", file, "--json").json["rows"]
    others = {(row["lambda"], row["other"]) for row in rows}
    # the text encoder is the newest one, of λ 0.1
    assert ("image 0.5, text 0.1", "image.epochs 4, text.epochs 3") in others
    assert ("0.5", "epochs 3") in others


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--experiment FILE.yaml"),
        (("abc",), "--experiment FILE.yaml"),
        (("--experiment", "{file}", "nothing-like-it"), "no complete version is there"),
        (("--experiment", "{file}", "--html", "/nowhere/at/all.html"), "--html must name a file"),
        (("--experiment", "{file}", "0" * 32), "tracking: null"),
    ],
)
def test_what_cannot_be_compared(
    run: Run, several: dict[str, Any], arguments: tuple[str, ...], said: str
) -> None:
    given = [word.format(file=several["file"]) for word in arguments]
    shown = run("compare", *given)
    assert shown.code == 2
    assert said in shown.err
    assert shown.err.count("\n") == 1


def test_a_collection_without_reports(run: Run, collection: Path) -> None:
    shown = run("compare", "--experiment", collection)
    assert shown.code == 2
    assert "sdml evaluate" in shown.err
