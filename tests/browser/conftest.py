"""Fixtures: a browser, and a small digits collection with a report of pictures, texts and sounds.

Pictures of what the tests see go to the folder that SDML_SCREENSHOTS names, if it does:
``SDML_SCREENSHOTS=docs/images pytest tests/browser`` makes those of the documentation.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from sdml.experiment import read_experiment
from sdml.steps.context import Context
from sdml.steps.evaluate import evaluate
from sdml.steps.prepare import prepare
from sdml.steps.train import train
from tests.browser.chromium import Browser, chromium

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits"
Keep = Callable[[str], None]


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def keep(browser: Browser, tmp_path: Path) -> Keep:
    """Takes a picture of what is in view; small enough for the documentation."""
    folder = Path(os.environ.get("SDML_SCREENSHOTS") or tmp_path)

    def take(name: str) -> None:
        path = folder / f"{name}.png"
        browser.screenshot(path)
        assert 5_000 < path.stat().st_size < 300_000

    return take


@pytest.fixture(scope="session")
def digits(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Context:
    """Pictures, words and tones of digits, prepared, and trained for few epochs."""
    build = pytest.importorskip("examples.digits.build", reason="needs the source tree")
    folder = tmp_path_factory.mktemp("digits")
    build.build(folder / "data")
    content = yaml.safe_load((EXAMPLE / "experiment.yaml").read_text(encoding="utf-8"))
    newcomer = yaml.safe_load((EXAMPLE / "audio.yaml").read_text(encoding="utf-8"))
    content["modalities"] |= newcomer["modalities"]
    content |= {"store": "store", "tracking": None}
    content["training"] |= {"epochs": 10, "hidden": [128], "threads": 2}
    (folder / "experiment.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    context = Context.open(read_experiment(folder / "experiment.yaml"), track=False)
    prepare(context)
    return context


@pytest.fixture(scope="session")
def report(digits: Context, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """report.html as somebody has sent it: alone in a folder."""
    for modality in digits.experiment.modalities:
        train(digits, modality)
    made = Path(evaluate(digits).report, "report.html")
    return Path(shutil.copy(made, tmp_path_factory.mktemp("sent")))
