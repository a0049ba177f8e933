"""The tasks of a prior pipeline, through their plain functions."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from components.begin.component import begin
from components.fit_prior.component import fit_prior
from components.gather.component import gather
from components.prepare.component import prepare
from components.select_prior.component import select_prior
from sdml.steps.context import Context
from sdml.steps.pipeline import prior as fitting

Make = Callable[..., Any]
BOTH = ["image", "text"]


@pytest.fixture
def drcl(experiment: str) -> str:
    """The experiment, asking for a prior."""
    section = {"subspace": {"kind": "prior", "dimension": 16}}
    training = {"method": "drcl", "hidden": [16], "epochs": 6, "batch_size": 10}
    return json.dumps({**json.loads(experiment), **section, "training": training})


@pytest.fixture
def ready(drcl: str, artifact: Make) -> Any:
    """What the first two tasks hand on."""
    made = artifact(dsl.Dataset)
    inputs, _ = begin.python_func(drcl, BOTH, False, "prior")
    prepare.python_func(drcl, BOTH, False, inputs, made, for_prior=True)
    return made


def test_fits_each_and_selects_the_best(
    drcl: str, ready: Any, artifact: Make, context: Context
) -> None:
    priors, scores = [], {}
    for modality in BOTH:
        prior, metrics = artifact(dsl.Model), artifact(dsl.Metrics)
        fit_prior.python_func(drcl, modality, ready, prior, metrics)
        [stored] = context.catalog.versions("prior", modality)
        record = json.loads(Path(prior.path).read_text())
        assert record["prior"] == stored.uri
        assert prior.metadata == {
            "prior": stored.uri, "modality": modality, "score": record["score"]
        }  # fmt: skip
        assert metrics.metadata == {
            "score": record["score"], "best_epoch": record["best_epoch"], "epochs": 6
        }  # fmt: skip
        priors.append(prior)
        scores[modality] = record["score"]
    gathered, selected, metrics = artifact(), artifact(), artifact(dsl.Metrics)
    gather.python_func(priors, gathered)
    select_prior.python_func(drcl, gathered, selected, metrics)
    best = max(scores, key=lambda modality: scores[modality])
    subspace = context.catalog.latest("subspace")
    assert subspace.manifest.settings["selected"] == best
    assert Path(selected.path).read_text() == subspace.uri
    assert selected.metadata == {"subspace": subspace.uri, "modality": best}
    assert metrics.metadata == {f"score/{name}": score for name, score in scores.items()}


def test_goes_on_after_sigterm_and_ends_with_the_same_prior(
    drcl: str,
    ready: Any,
    artifact: Make,
    context: Context,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen: list[int] = []

    def log(record: Any, epochs: int) -> None:
        seen.append(record.epoch)
        if seen == [1, 2]:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(fitting, "_log_progress", log)
    what = (drcl, "image", ready)
    with pytest.raises(SystemExit) as ended:
        fit_prior.python_func(*what, artifact(dsl.Model), artifact(dsl.Metrics))
    assert ended.value.code == 143
    assert "sdml: exit code 143" in capsys.readouterr().out
    assert context.catalog.versions("prior") == []
    assert list(context.catalog.store.list("tiny/checkpoints/"))
    continued, whole = artifact(dsl.Model), artifact(dsl.Model)
    fit_prior.python_func(*what, continued, artifact(dsl.Metrics))
    assert seen == [1, 2, 3, 4, 5, 6]
    assert not list(context.catalog.store.list("tiny/checkpoints/"))
    fit_prior.python_func(*what, whole, artifact(dsl.Metrics), reuse=False)
    assert seen[6:] == [1, 2, 3, 4, 5, 6]
    assert whole.metadata == continued.metadata  # the same bytes: stored once


def test_what_asks_for_no_prior_is_one_line_at_the_beginning(
    experiment: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        begin.python_func(experiment, BOTH, False, "prior")
    assert ended.value.code == 2
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("sdml: error: a prior is learned and selected for a file")
    assert second == "sdml: exit code 2"
