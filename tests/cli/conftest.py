"""Fixtures: the command in this process, and tiny collections for it."""

from __future__ import annotations

import json
import logging
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sdml.cli.main import main
from tests.steps import tiny


@dataclass(frozen=True)
class Outcome:
    """What one command has returned and said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one object on standard output."""
        assert self.out.count("\n") == 1, self.out
        assert self.out.endswith("\n")
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found


Run = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Every command sets up the package's logger; other tests listen to it too."""
    logger = logging.getLogger("sdml")
    handlers, level, propagate = logger.handlers, logger.level, logger.propagate
    yield
    logger.handlers, logger.propagate = handlers, propagate
    logger.setLevel(level)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal's and torch's variables are set by commands, or change what they print."""
    for name in ("FORCE_COLOR", "NO_COLOR", "COLUMNS", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (("GOMP_SPINCOUNT", "10000"), ("THP_MEM_ALLOC_ENABLE", "1")):
        monkeypatch.setenv(name, value)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs ``sdml`` with the given arguments."""

    def call(*arguments: object) -> Outcome:
        capsys.readouterr()
        try:
            code: Any = main([str(argument) for argument in arguments])
        except SystemExit as ended:  # argparse: --help, or a mistake in the arguments
            code = ended.code
        assert isinstance(code, int)
        out, err = capsys.readouterr()
        return Outcome(code, out, err)

    return call


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """The experiment file of image and text, not prepared yet."""
    tiny.write_sources(tmp_path, "image", "text")
    return tiny.write_experiment(tmp_path, "image", "text")


@pytest.fixture(scope="session")
def finished_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The experiment file of a trained and evaluated collection; only to be read or copied."""
    from sdml.steps.evaluate import evaluate
    from sdml.steps.prepare import prepare
    from sdml.steps.train import train

    folder = tmp_path_factory.mktemp("finished")
    tiny.write_sources(folder, "image", "text")
    file = tiny.write_experiment(folder, "image", "text")
    context = tiny.open_file(file)
    prepare(context)
    train(context, "image")
    train(context, "text")
    with pytest.MonkeyPatch.context() as patch:
        module = sys.modules["sdml.steps.evaluate"]
        patch.setattr(module, "build_report", tiny.report_without_figures)
        evaluate(context)
    return file


@pytest.fixture
def finished(finished_once: Path, tmp_path: Path) -> Path:
    """The experiment file in a copy of that folder, to change at will."""
    folder = shutil.copytree(finished_once.parent, tmp_path / "finished")
    return Path(folder) / finished_once.name
