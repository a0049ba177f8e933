"""What enters a build: all that the Dockerfiles copy, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCKERFILES = [ROOT / "docker/Dockerfile", ROOT / "docker/mlflow/Dockerfile"]


def copied() -> set[str]:
    """Paths of the checkout that a Dockerfile copies."""
    found: set[str] = set()
    for dockerfile in DOCKERFILES:
        for line in re.findall(r"^COPY (?!--from)(.*)$", dockerfile.read_text(), re.MULTILINE):
            found.update(line.split()[:-1])
    return found


def lines() -> list[str]:
    text = (ROOT / ".dockerignore").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_everything_is_shut_out_and_only_what_is_copied_let_in() -> None:
    assert lines()[0] == "*"
    assert {line[1:] for line in lines() if line.startswith("!")} == copied()


def test_what_is_copied_exists() -> None:
    assert [path for path in copied() if not (ROOT / path).exists()] == []


def test_what_runs_leave_behind_stays_out() -> None:
    """Shut out after everything has been let in: the last line that matches decides."""
    shut = {"**/__pycache__", "examples/*/.sdml", "examples/*/data", "examples/*/data.*"}
    last_let_in = max(index for index, line in enumerate(lines()) if line.startswith("!"))
    assert shut == set(lines()[last_let_in + 1 :])
