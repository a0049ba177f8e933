"""The documents lead to ``python -m pipelines`` from a checkout: the wheel holds only ``sdml``."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_wheel_holds_only_the_library() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["setuptools"]["packages"]["find"]["include"] == ["sdml*"]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nobody_is_sent_to_pipelines_by_the_wheel(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"pip install '?sdml\[[^\]]*pipelines", text)


def test_a_ci_has_a_checkout_before_it_submits() -> None:
    text = (ROOT / "docs" / "submitting.md").read_text(encoding="utf-8")
    recipe = text.split("## From CI", 1)[1].split("```")[1]
    clone, install, submit = [line for line in recipe.splitlines() if line.startswith("- run:")]
    cloned = re.search(r"git clone .*\" ([\w-]+)", clone)
    assert cloned
    folder = cloned[1]
    assert f"'./{folder}[pipelines]'" in install
    assert f"PYTHONPATH={folder} python -m pipelines submit" in submit
