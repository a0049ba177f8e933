from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.steps import tiny


@pytest.fixture
def asking(tmp_path: Path) -> Path:
    """The experiment file of a collection that asks for a prior."""
    tiny.write_sources(tmp_path, "image", "text")
    return tiny.write_experiment(
        tmp_path, "image", "text", subspace={"kind": "prior"}, training={"method": "drcl"}
    )


def test_fit_each_select_one_and_train_against_it(run: Run, asking: Path) -> None:
    assert run("prepare", asking).code == 0
    scores = {}
    for modality in ("image", "text"):
        made = run("prior", "fit", asking, "--modality", modality, "--json", "--quiet")
        assert made.json.keys() == {"prior", "modality", "score", "best_epoch", "epochs"}
        scores[modality] = made.json["score"]
    said = run("prior", "select", asking, "--json", "--quiet").json
    assert said["scores"] == scores
    assert [line.split()[0] for line in run("prior", "select", asking).out.splitlines()] == [
        "subspace", "from", "image", "text",
    ]  # fmt: skip
    assert run("prepare", asking, "--json").json["subspace"] == said["subspace"]
    trained = run("train", asking, "--modality", "image", "--json")
    assert trained.json["subspace"] == said["subspace"].rpartition("/")[2]
    kinds = {item["kind"] for item in run("list", asking, "--json").json["items"]}
    assert kinds == {"subspace", "features", "prior", "encoder"}


@pytest.mark.parametrize("named", [[], ["--modality", "image", "--modality", "text"]])
def test_fit_takes_one_modality(run: Run, asking: Path, named: list[str]) -> None:
    made = run("prior", "fit", asking, *named)
    assert made.code == 2
    assert "give --modality once" in made.err


def test_the_order_matters_and_is_said(run: Run, asking: Path) -> None:
    assert "run 'sdml prepare' first" in run("prior", "fit", asking, "--modality", "image").err
    run("prepare", asking)
    made = run("train", asking, "--modality", "image")
    assert made.code == 2
    assert "sdml prior fit" in made.err
