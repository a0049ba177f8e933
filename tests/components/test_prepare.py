from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from components.begin.component import begin
from components.prepare.component import prepare
from sdml.steps.context import Context


def test_pins_what_it_has_stored(prepared: Any, context: Context) -> None:
    pins = json.loads(Path(prepared.path).read_text())
    [subspace] = context.catalog.versions("subspace")
    features = {m: context.catalog.latest("features", m).uri for m in ("image", "text")}
    assert pins["subspace"] == subspace.uri
    assert pins["features"] == features


def test_metadata_names_subspace_and_feature_sets(prepared: Any) -> None:
    pins = json.loads(Path(prepared.path).read_text())
    assert prepared.metadata == {
        "subspace": pins["subspace"],
        "features_image": pins["features"]["image"],
        "features_text": pins["features"]["text"],
    }


def test_refuses_a_new_modality_without_a_stored_subspace(
    experiment: str,
    context: Context,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        begin.python_func(experiment, ["image"], True, "new-modality")
    assert ended.value.code == 2
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("sdml: error: a new modality needs the collection's stored subspace")
    assert second == "sdml: exit code 2"
    assert context.catalog.inventory() == []


def test_refuses_what_the_run_did_not_begin_with(
    experiment: str,
    artifact: Callable[..., Any],
    context: Context,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = artifact(dsl.Dataset)
    with pytest.raises(SystemExit) as ended:
        prepare.python_func(experiment, ["image"], False, "another digest", made)
    assert ended.value.code == 2
    assert "one of them has changed" in capsys.readouterr().out
    assert context.catalog.inventory() == []
    assert made.metadata == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [("{}", "required"), ("collection: [", "not valid YAML")],
    ids=["empty", "no"],
)
def test_an_unusable_experiment_is_one_line(
    text: str, words: str, artifact: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        prepare.python_func(text, ["image"], False, "digest", artifact(dsl.Dataset))
    assert ended.value.code == 2
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("sdml: error: pipeline parameter 'experiment'")
    assert words in lines[0]
