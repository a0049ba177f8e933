"""``make demo``, for real: a newcomer's first command must show what it promises."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_demo_shows_what_it_promises(tmp_path: Path) -> None:
    pytest.importorskip("mlflow", reason="the demo needs the extras tracking and pipelines")
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SDML_", "MLFLOW_", "AWS_"))
    }
    done = subprocess.run(
        [sys.executable, "-m", "examples.digits.demo", "--output", str(tmp_path)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    older = re.search(r"(\d+) older objects: every one byte for byte as before", done.stdout)
    assert older is not None
    assert int(older[1]) > 20
    for modality in ("image", "text", "audio"):
        assert re.search(rf"trained {modality} in [\d.]+ s", done.stdout)
        assert re.search(rf"│ {modality} +│", done.stdout)
    overall = re.search(r"│ mean .*│ (0\.\d+) │ +│", done.stdout)
    assert overall is not None
    assert float(overall[1]) > 0.6
    assert re.search(r"1\. 0\.\d+  class 7", done.stdout)
    report = re.search(r"report +(\S+)", done.stdout)
    assert report is not None
    assert Path(report[1]).read_text(encoding="utf-8").startswith("<!doctype html>")
    assert "Traceback" not in done.stdout + done.stderr
