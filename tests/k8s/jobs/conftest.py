from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from k8s.check.kustomizations import objects, render

ROOT = Path(__file__).parents[3]

Build = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="session")
def built() -> Build:
    """The objects of a kustomization below k8s/jobs, by kind; each is built once."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed: no kustomization can be built")
    made: dict[str, dict[str, Any]] = {}

    def build(name: str) -> dict[str, Any]:
        if name not in made:
            found = objects(render(ROOT / "k8s" / "jobs" / name))
            made[name] = {one["kind"]: one for one in found}
            assert len(made[name]) == len(found)
        return made[name]

    return build


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of k8s that a test may change."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed: no kustomization can be built")
    return Path(shutil.copytree(ROOT / "k8s", tmp_path / "k8s"))
