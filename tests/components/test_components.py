"""What holds for every component."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from kfp import components as loader
from kfp.compiler import Compiler

from components.begin.component import begin
from components.evaluate.component import evaluate
from components.finish.component import finish
from components.fit_prior.component import fit_prior
from components.gather.component import gather
from components.image import IMAGE
from components.join.component import join
from components.prepare.component import prepare
from components.prepare_shard.component import prepare_shard
from components.select_prior.component import select_prior
from components.sweep.component import sweep
from components.train.component import train

FOLDER = Path(__file__).parents[2] / "components"
COMPONENTS = {
    "begin": begin,
    "prepare": prepare,
    "prepare_shard": prepare_shard,
    "join": join,
    "train": train,
    "sweep": sweep,
    "fit_prior": fit_prior,
    "select_prior": select_prior,
    "gather": gather,
    "evaluate": evaluate,
    "finish": finish,
}


def test_every_folder_is_listed() -> None:
    assert {path.parent.name for path in FOLDER.rglob("component.py")} == set(COMPONENTS)


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("component.py")), ids=lambda p: p.parent.name)
def test_only_light_imports_at_the_top(path: Path) -> None:
    modules = []
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules.append(str(node.module))
    assert set(modules) <= {"typing", "kfp", "components.image"}


@pytest.mark.parametrize("name", COMPONENTS)
def test_compiles_to_the_one_image_and_installs_nothing(name: str, tmp_path: Path) -> None:
    file = tmp_path / "component.yaml"
    Compiler().compile(COMPONENTS[name], str(file))
    spec: Any = loader.load_component_from_file(str(file)).pipeline_spec
    [executor] = spec.deployment_spec["executors"].values()
    assert executor["container"]["image"] == IMAGE
    command = [*executor["container"]["command"], *executor["container"]["args"]]
    assert "pip install" not in " ".join(command)


def test_the_image_is_pinned() -> None:
    assert ":" in IMAGE
    assert not IMAGE.endswith(":latest")
