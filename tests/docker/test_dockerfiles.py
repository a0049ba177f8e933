"""The Dockerfiles: linted, pinned, not root, and with the environment that the code expects."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from sdml.environment import DEFAULTS

ROOT = Path(__file__).parents[2]
SDML, MLFLOW = ROOT / "docker/Dockerfile", ROOT / "docker/mlflow/Dockerfile"
BOTH = pytest.mark.parametrize("dockerfile", [SDML, MLFLOW], ids=["sdml", "mlflow"])
HADOLINT = Path(sys.executable).with_name("hadolint")


def instructions(dockerfile: Path) -> list[tuple[str, str]]:
    """(instruction, its arguments) with continued lines joined."""
    text = dockerfile.read_text(encoding="utf-8")
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    joined = re.sub(r"\s*\\\n\s*", " ", lines)
    pairs = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
    return [(pair[0], pair[1]) for pair in pairs]


def all_of(dockerfile: Path, name: str) -> list[str]:
    return [arguments for word, arguments in instructions(dockerfile) if word == name]


@BOTH
@pytest.mark.skipif(not HADOLINT.exists(), reason="hadolint is not installed")
def test_hadolint_is_content(dockerfile: Path) -> None:
    done = subprocess.run([HADOLINT, dockerfile], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@BOTH
def test_a_plain_builder_will_do(dockerfile: Path) -> None:
    text = dockerfile.read_text(encoding="utf-8")
    assert "# syntax" not in text
    assert "--mount" not in text


@BOTH
def test_nothing_is_latest(dockerfile: Path) -> None:
    stages = {line.split(" AS ")[1] for line in all_of(dockerfile, "FROM") if " AS " in line}
    for line in all_of(dockerfile, "FROM"):
        source = line.split(" AS ")[0]
        assert source == "${BASE_IMAGE}" or source in stages, line
    assert all_of(dockerfile, "ARG")[0] == "BASE_IMAGE=python:3.11-slim"
    assert "latest" not in dockerfile.read_text(encoding="utf-8")


@BOTH
def test_the_user_is_a_number(dockerfile: Path) -> None:
    assert all_of(dockerfile, "USER") == ["10001:10001"]
    assert any("--uid 10001 --gid 10001" in line for line in all_of(dockerfile, "RUN"))


@BOTH
def test_signals_reach_the_process(dockerfile: Path) -> None:
    for name in ("ENTRYPOINT", "CMD"):
        assert [line[0] for line in all_of(dockerfile, name)] == ["["]


@BOTH
def test_labels(dockerfile: Path) -> None:
    found = re.findall(r"org\.opencontainers\.image\.(\w+)=", " ".join(all_of(dockerfile, "LABEL")))
    expected = ["description", "licenses", "revision", "source", "title", "version"]
    assert sorted(found) == expected


def environment(dockerfile: Path) -> dict[str, str]:
    """Of the image itself, not of the stages that only build."""
    return dict(word.split("=", 1) for word in all_of(dockerfile, "ENV")[-1].split())


def test_the_environment_is_that_of_the_code() -> None:
    found = environment(SDML)
    assert {name: found[name] for name in DEFAULTS} == DEFAULTS
    expected = {
        "SDML_SCRATCH": "/scratch",
        "HOME": "/tmp",
        "XDG_STATE_HOME": "/scratch/state",
        "NUMBA_CACHE_DIR": "/tmp/numba",
        "MPLCONFIGDIR": "/tmp/matplotlib",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": "/opt/sdml/app",
    }
    assert {name: found[name] for name in expected} == expected
    assert found["PATH"].startswith("/opt/sdml/venv/bin:")
    assert set(found) == {*DEFAULTS, *expected, "PATH"}


def test_entrypoints() -> None:
    assert all_of(SDML, "ENTRYPOINT") == ['["sdml"]']
    assert all_of(MLFLOW, "ENTRYPOINT") == ['["mlflow"]']
    assert all_of(MLFLOW, "CMD")[0].startswith('["server"')
    stages = [line.split(" AS ")[-1] for line in all_of(SDML, "FROM")]
    assert stages.index("cpu") < stages.index("torch-gpu"), "or cpu would wait for CUDA"
    assert stages[-1] == "gpu"
