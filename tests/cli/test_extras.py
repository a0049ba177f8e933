"""Without the optional packages: one line that names the extra, and no traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.steps import tiny

BLOCKED = """
import sys
from importlib.machinery import PathFinder

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.split(".")[0] not in sys.argv[1].split(","):
            return super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Without
from sdml.cli.main import main
sys.exit(main(sys.argv[2:]))
"""
EXTRAS = "mlflow,kfp,librosa,soundfile,PIL,skimage,sklearn"


def without(packages: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", BLOCKED, packages, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
    )


def refused(done: subprocess.CompletedProcess[str], extra: str) -> None:
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("sdml: error: ")
    assert line.endswith(f"pip install 'sdml[{extra}]'")


def test_tracking_that_is_asked_for(tmp_path: Path) -> None:
    content = tiny.settings("image", tracking="sqlite:///mlflow.db")
    (tmp_path / "a.yaml").write_text(json.dumps(content))
    refused(without("mlflow", "train", tmp_path / "a.yaml", "--modality", "image"), "tracking")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.yaml"]


def test_tracking_that_nobody_has_asked_for(finished: Path) -> None:
    text = finished.read_text().replace("tracking: null\n", "")
    finished.write_text(text)
    done = without("mlflow", "train", finished, "--modality", "image", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["modality"] == "image"
    assert "sdml: warning: this run is not tracked" in done.stderr
    assert "sdml[tracking]" in done.stderr


@pytest.mark.parametrize(
    ("extractor", "package", "file"),
    [
        ("mfcc", "librosa", "a.wav"),
        ("pixels", "PIL", "a.png"),
        ("hog", "skimage", "a.png"),
        ("ngrams", "sklearn", "a.txt"),
    ],
)
def test_an_extractor(tmp_path: Path, extractor: str, package: str, file: str) -> None:
    (tmp_path / "dog").mkdir()
    (tmp_path / "dog" / file).write_bytes(b"")
    given = {"source": f"*/*{Path(file).suffix}", "extractor": extractor}
    experiment = tiny.write_experiment(tmp_path, modalities={"raw": given})
    refused(without(package, "prepare", experiment), "extract")
    assert not (tmp_path / "store").exists()


def test_everything_else_works_without_any_extra(finished: Path) -> None:
    for arguments in (
        ("prepare", finished, "--json"),
        ("train", finished, "--modality", "text", "--json"),
        ("list", finished, "--verify", "--json"),
    ):
        done = without(EXTRAS, *arguments)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)
