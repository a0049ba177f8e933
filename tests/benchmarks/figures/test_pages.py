"""Every page of a tiny collection: figures that are whole, tables, and work that is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch

from benchmarks.costs.work import measured
from benchmarks.figures.__main__ import main
from benchmarks.figures.catalogue import PAGES
from benchmarks.figures.subspaces import kinds_of
from benchmarks.figures.trained import ALL
from tests.benchmarks.peers.test_command import make_world

FIGURES = {
    "lambda": ["lambda"],
    "convergence": ["convergence"],
    "curves": ["recall", "scope"],
    "costs": ["costs"],
    "labels": ["labels"],
    "multi-label": ["multi-label"],
    "subspaces": ["subspaces"],
}

FEW = ("labels", "curves", "subspaces")
"""Pages that are made of two methods only."""

SHARED = {"curves": "sdml-reference, cosine", "multi-label": "cosine", "subspaces": "cosine"}
"""What stands in the legend that the panels of a page share."""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An experiment of three modalities beside a stated ceiling; few λ and epochs."""
    monkeypatch.setattr("benchmarks.figures.costs.in_child", measured)  # no child to import it all
    monkeypatch.setattr(
        "benchmarks.figures.labels.SHARES", {"noise": (0.0, 0.5), "hidden": (0.0, 0.5)}
    )
    path = make_world(tmp_path, multi_label=False)
    path.write_text(f"{path.read_text()}\nsweep: {{lambdas: [0, 0.5, 1]}}\n")
    names = ("image", "text", "audio")
    ceiling = {f"{a} to {b}": 0.99 for a in names for b in names if a != b}
    (tmp_path / "build.json").write_text(json.dumps({"ceiling": ceiling}))
    return path


def run(world: Path, name: str, *more: str) -> int:
    folders = ["--output", str(world.parent / "images"), "--work", str(world.parent / "work")]
    settings = ["--experiment", str(world), "--epochs", "2", "--seeds", "1", *folders]
    settings += ["--preset", "sdml-reference"]
    methods = ["--methods", "sdml-reference", "classifier"] if name in FEW else []
    return main([name, *settings, *methods, *more])


def test_every_page_is_tried() -> None:
    assert set(FIGURES) == set(PAGES)


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_page(world: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(world, name) == 0
    first = capsys.readouterr()
    images = {path.name: path.read_bytes() for path in (world.parent / "images").iterdir()}
    assert set(images) == {f"results-{figure}-easy.svg" for figure in FIGURES[name]}
    for image in images.values():
        assert ElementTree.fromstring(image).tag.endswith("svg")
        assert b"<text" in image
        assert b"date" not in image
        assert len(image) < 150_000
        if name in SHARED:
            assert image.count(f">{SHARED[name]}<".encode()) == 1
    assert first.out.count("|---") + first.out.count("| ---") > 1
    assert not list((world.parent / "work").glob("*.store"))
    if name == "subspaces":
        told = [line.split("|")[1].strip() for line in first.out.splitlines()]
        assert {f"classifier, {kind}, posterior" for kind in kinds_of("classifier")} <= set(told)
        assert len(told) == 2 + 2 * (3 + 4)
    if name == "multi-label":
        rows = {line.split("|")[1].strip() for line in first.out.splitlines()}
        assert {*(f"{method}, posterior" for method in ALL), "ceiling", "chance"} <= rows

    assert run(world, name) == 0  # all kept, and the same bytes
    again = capsys.readouterr()
    assert again.out == first.out
    assert {line.rsplit(": ")[1] for line in again.err.splitlines() if "-s0-" in line} == {"kept"}
    assert {p.name: p.read_bytes() for p in (world.parent / "images").iterdir()} == images


def test_seeds_have_a_spread(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(world, "convergence", "--seeds", "2", "--hidden", "8") == 0
    (line,) = [x for x in capsys.readouterr().out.splitlines() if x.startswith("| 2 |")]
    assert line.count("±") == 2


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--seeds", "0"], "--seeds must be at least 1"),
        (["--epochs", "0"], "epochs"),
        (["--experiment", "none.yaml"], "none.yaml"),
    ],
)
def test_mistakes_are_one_line(
    world: Path, more: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(world, "lambda", *more) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not (world.parent / "work").exists()


def test_a_collection_without_a_ceiling(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (world.parent / "build.json").unlink()
    assert run(world, "multi-label") == 2
    assert "a ceiling must stand in" in capsys.readouterr().err
