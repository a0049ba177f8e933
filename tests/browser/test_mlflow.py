"""A sweep over λ as a person sees it in MLflow: a real server, a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from sdml.steps.context import Context
from sdml.steps.pipeline import Task, begin, evaluate_pinned, finish, prepare_pinned, train_pinned
from sdml.steps.promote import promote
from sdml.tracking import open_tracker
from tests.browser.chromium import Browser
from tests.browser.conftest import Keep
from tests.servers.mlflow import mlflow_server

if TYPE_CHECKING:
    from mlflow import MlflowClient

pytestmark = [pytest.mark.slow, pytest.mark.server]

_LAMBDAS = (0.0, 0.25, 0.5, 0.75, 1.0)
_BOTH = ("image", "text")
# A panel of MLflow's that has nothing to do with runs.
_CLOSE_ASSISTANT = (
    "document.querySelector('[data-component-id*=assistant][data-component-id*=close],"
    " [aria-label=Close]')?.click()"
)
# The sign beside a run that has children below it.
_EXPAND = "document.querySelector(\".ag-row button[data-component-id*='runnamecell']\")"
_WINDOW = (1440, 900)


@dataclass(frozen=True)
class Sweep:
    """A finished sweep on a server; ``means`` is the mean mAP by λ."""

    uri: str
    experiment: str
    parent: str
    evaluations: dict[float, str]
    means: dict[float, float]


@pytest.fixture(scope="module")
def sweep(digits: Context, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sweep]:
    folder = tmp_path_factory.mktemp("mlflow")
    with mlflow_server(folder) as server:
        training = digits.experiment.training.model_copy(update={"epochs": 5})
        changed = {"tracking": server.uri, "training": training}
        experiment = digits.experiment.model_copy(update=changed)
        tracker = open_tracker(server.uri, spool=folder / "unsent")
        context = replace(digits, tracker=tracker, experiment=experiment)
        task = Task(context=context, pipeline_run="sweep-1")
        begun = begin(task, modalities=_BOTH, new_modality=False, pipeline="sweep")
        pins = prepare_pinned(task, modalities=_BOTH, new_modality=False, inputs=begun.inputs)
        means = {}
        for weight in _LAMBDAS:
            records = [train_pinned(task, pins, m, lambda_=weight, reuse=True) for m in _BOTH]
            means[weight] = evaluate_pinned(task, pins, records, {}, lambda_=weight).mean_map
        parent = task.parent()
        finish(task, "SUCCEEDED")
        promote(context, "image", number=3)
        assert parent is not None
        found = client(server.uri).search_runs(["1"], "tags.level = 'evaluation'")
        evaluations = {float(run.data.params["lambda"]): run.info.run_id for run in found}
        yield Sweep(server.uri, "1", parent.id, evaluations, means)


def client(uri: str) -> MlflowClient:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow import MlflowClient

        return MlflowClient(tracking_uri=uri)


def open_page(browser: Browser, sweep: Sweep, page: str, *words: str) -> str:
    """Open a page of MLflow and wait until it shows these words; returns its text."""
    browser.look(_WINDOW)
    browser.open(f"{sweep.uri}/#/{page}")
    browser.wait(lambda: all(word in browser.text() for word in words), "\n".join(words))
    browser.run(_CLOSE_ASSISTANT)
    return browser.text()


def test_the_experiment_page_lists_the_sweeps_runs(
    browser: Browser, sweep: Sweep, keep: Keep
) -> None:
    chosen = quote("tags.level = 'evaluation' and params.method = 'sdml'")
    names = [f"evaluate λ={weight:g}" for weight in _LAMBDAS]
    page = f"experiments/{sweep.experiment}/runs?searchFilter={chosen}"
    open_page(browser, sweep, page, "sweep", "matching runs")
    browser.wait(lambda: bool(browser.run(f"return {_EXPAND}")), "a run with children")
    browser.run(f"{_EXPAND}.click()")
    browser.wait(lambda: all(name in browser.text() for name in names), ", ".join(names))
    keep("mlflow-experiment")


def test_the_parent_says_what_was_run(browser: Browser, sweep: Sweep, keep: Keep) -> None:
    page = f"experiments/{sweep.experiment}/runs/{sweep.parent}"
    text = open_page(browser, sweep, page, "A sweep over λ", "sdml compare")
    for mean in sweep.means.values():
        assert f"{mean:.3f}" in text
    browser.run(
        "[...document.querySelectorAll('p')].find(p => p.innerText.includes('A sweep over'))"
        ".scrollIntoView()"
    )
    keep("mlflow-parent")


def test_the_compare_view_shows_lambda_against_map(
    browser: Browser, sweep: Sweep, keep: Keep
) -> None:
    runs = quote(json.dumps([sweep.evaluations[weight] for weight in _LAMBDAS]))
    experiments = quote(json.dumps([sweep.experiment]))
    page = f"compare-runs?runs={runs}&experiments={experiments}"
    open_page(browser, sweep, page, "Comparing 5 Runs", "Scatter Plot")
    browser.press("Scatter Plot")
    browser.choose("x-axis-selector", "lambda")
    browser.choose("y-axis-selector", "map/mean")

    def points() -> Any:
        return browser.run(
            "const plot = document.querySelector('.js-plotly-plot');"
            "return plot && plot.data ? plot.data.map(t => [...t.x].map((x, i) => [x, t.y[i]]))"
            ".flat() : []"
        )

    expected = sorted(sweep.means.items())

    def as_expected() -> bool:
        found = sorted((float(x), float(y)) for x, y in points())
        return len(found) == len(expected) and all(
            a == pytest.approx(b, abs=1e-6) for a, b in zip(found, expected, strict=True)
        )

    browser.wait(as_expected, f"the points {expected}")
    keep("mlflow-compare")


def test_the_registry_shows_versions_and_the_champion(
    browser: Browser, sweep: Sweep, keep: Keep
) -> None:
    text = open_page(browser, sweep, "models/digits.image", "Version 5", "champion")
    assert "Version 1" in text
    keep("mlflow-registry")
