"""Fixtures: tiny collections, as files only, and prepared, trained and evaluated."""

from __future__ import annotations

import logging
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sdml.steps.context import Context
from sdml.steps.evaluate import evaluate
from sdml.steps.prepare import prepare
from sdml.steps.train import train
from tests.steps import tiny

MakeContext = Callable[..., Context]


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Pipeline tasks and commands set up the package's logger; other tests listen to it too."""
    logger = logging.getLogger("sdml")
    handlers, level, propagate = logger.handlers, logger.level, logger.propagate
    yield
    logger.handlers, logger.propagate = handlers, propagate
    logger.setLevel(level)


@pytest.fixture
def make(tmp_path: Path) -> MakeContext:
    """A new collection with the named modalities; keywords are sections of the file."""

    def call(*modalities: str, **sections: Any) -> Context:
        names = modalities or ("image", "text")
        tiny.write_sources(tmp_path, *names)
        return tiny.open_file(tiny.write_experiment(tmp_path, *names, **sections))

    return call


@pytest.fixture
def plain_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports without figures, which take seconds to draw and have tests of their own."""
    monkeypatch.setattr(
        sys.modules["sdml.steps.evaluate"], "build_report", tiny.report_without_figures
    )


@pytest.fixture(scope="session")
def finished_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose image and text are trained and evaluated; only to be copied or read."""
    folder = tmp_path_factory.mktemp("finished")
    tiny.write_sources(folder, "image", "text")
    context = tiny.open_file(tiny.write_experiment(folder, "image", "text"))
    prepare(context)
    train(context, "image")
    train(context, "text")
    evaluate(context)
    return folder


@pytest.fixture
def finished(finished_once: Path, tmp_path: Path) -> Path:
    """A copy of that folder, to change at will."""
    return Path(shutil.copytree(finished_once, tmp_path / "finished"))
