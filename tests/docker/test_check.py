"""``python -m check`` where it cannot check: it says why, and fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def check(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "check", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "docker", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_docker(tmp_path: Path) -> None:
    done = check("--state", str(tmp_path / "state"), DOCKER="no-such-docker")
    assert done.returncode == 1, done.stderr
    assert "a Docker client must be on PATH, but there is no no-such-docker" in done.stdout
    assert "1 bad" in done.stdout
    assert list((tmp_path / "state").iterdir()) == []


def test_a_target_that_is_not_there() -> None:
    done = check("--target", "tpu")
    assert done.returncode == 2
    assert "invalid choice: 'tpu'" in done.stderr
