"""The parent run, and the digest on which Kubeflow's cache of the preparation depends."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sdml.errors import DataError, NotFoundError, UserError
from sdml.steps.context import Context
from sdml.steps.encoders import newest_encoder
from sdml.steps.pipeline import begin, prepare_pinned
from sdml.store import Catalog, FolderStore, Kind, Version
from tests.steps import tiny
from tests.steps.conftest import MakeContext
from tests.steps.pipeline.conftest import Start, task_of, tracker_of

BOTH = ("image", "text")


def inputs_of(context: Context, *modalities: str) -> str:
    return begin(
        task_of(context), modalities=modalities or BOTH, new_modality=False, pipeline="train"
    ).inputs


def test_starts_one_parent_however_often_it_is_retried(make: MakeContext) -> None:
    context = make()
    for _ in range(2):
        inputs = inputs_of(context)
    (parent,) = tracker_of(context).runs
    assert parent.status is None
    assert parent.name == "train"
    assert parent.logged_tags == {
        "collection": "tiny",
        "level": "pipeline",
        "pipeline": "train",
        "pipeline_run": "p1",
        "modalities": "image, text",
        "inputs": inputs,
    }
    assert parent.logged_params["lambda"] == "0.5"


def test_the_digest_stays_while_nothing_changes(make: MakeContext, start: Start) -> None:
    context = make()
    first = inputs_of(context)
    assert inputs_of(make()) != first  # the sources were written again
    second = inputs_of(context)
    assert inputs_of(context) == second
    start(context, *BOTH)
    assert inputs_of(context) != second  # now a subspace is stored
    assert inputs_of(context) == inputs_of(context)


@pytest.mark.parametrize(
    "sections",
    [
        {"modalities": {"text": {"transform": "l2"}}},
        {"subspace": {"seed": 1}},
    ],
    ids=["transform", "subspace"],
)
def test_the_digest_changes_with_what_a_preparation_depends_on(
    make: MakeContext, tmp_path: Path, sections: dict[str, Any]
) -> None:
    before = inputs_of(make())
    again = tiny.open_file(tiny.write_experiment(tmp_path, *BOTH, **sections))
    assert inputs_of(again) != before


@pytest.mark.parametrize(
    "sections",
    [
        {"training": {"epochs": 1}},
        {"modalities": {"text": {"lambda": 0.125}}},
        {"modalities": {"text": {"resources": {"memory": "64Gi"}}}},
    ],
    ids=["training", "of a modality", "resources"],
)
def test_the_digest_does_not_change_with_what_only_trainings_depend_on(
    make: MakeContext, tmp_path: Path, sections: dict[str, Any]
) -> None:
    before = inputs_of(make())
    again = tiny.open_file(tiny.write_experiment(tmp_path, *BOTH, **sections))
    assert inputs_of(again) == before


def test_the_digest_changes_with_a_source_of_the_same_size(
    make: MakeContext, tmp_path: Path
) -> None:
    context = make()
    before = inputs_of(context)
    os.utime(tmp_path / "text.npz", ns=(1, 1))
    assert inputs_of(context) != before


def test_a_source_that_changes_after_the_beginning_is_refused(
    make: MakeContext, tmp_path: Path
) -> None:
    context = make()
    inputs = inputs_of(context)
    os.utime(tmp_path / "text.npz", ns=(1, 1))
    with pytest.raises(DataError, match="one of them has changed"):
        prepare_pinned(task_of(context), modalities=BOTH, new_modality=False, inputs=inputs)
    assert context.catalog.inventory() == []


def test_a_preparation_that_died_after_the_subspace_goes_on(
    make: MakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = make()
    inputs = inputs_of(context)
    publish = Catalog.publish

    def dies(self: Catalog, kind: Kind, **what: Any) -> Version:
        if kind == "features":
            raise KeyboardInterrupt
        return publish(self, kind, **what)

    monkeypatch.setattr(Catalog, "publish", dies)
    with pytest.raises(KeyboardInterrupt):
        prepare_pinned(task_of(context), modalities=BOTH, new_modality=False, inputs=inputs)
    monkeypatch.undo()
    assert context.catalog.latest("subspace")
    assert context.catalog.versions("features") == []
    pins = prepare_pinned(task_of(context), modalities=BOTH, new_modality=False, inputs=inputs)
    assert set(pins.features) == set(BOTH)


def test_the_digest_changes_with_the_store(make: MakeContext, tmp_path: Path) -> None:
    context = make()
    moved = tmp_path / "elsewhere"
    catalog = Catalog(FolderStore(moved), "tiny")
    assert inputs_of(replace(context, catalog=catalog)) != inputs_of(context)


def test_no_modality_is_refused_before_anything_is_written(
    make: MakeContext, tmp_path: Path, start: Start
) -> None:
    context = make()
    with pytest.raises(UserError, match="at least one modality"):
        start(context)
    assert not (tmp_path / "store").exists()
    assert tracker_of(context).runs == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["image", "video"], "experiment, which has: image, text, but 'video' is not"),
        ("image", r'must be a list of names, such as \["image", "text"\], got \'image\''),
        (7, "must be a list of names.*got 7"),
        (None, "must be a list of names.*got None"),
        ({"image": 1}, "must be a list of names"),
        (["image", 7], r"must be a list of names.*got \['image', 7\]"),
        ([["image"]], "must be a list of names"),
    ],
)
def test_modalities_that_are_no_names_of_the_file_are_refused_at_once(
    make: MakeContext, tmp_path: Path, given: Any, words: str
) -> None:
    context = make()
    task = task_of(context)
    with pytest.raises(UserError, match=words) as refused:
        begin(task, modalities=given, new_modality=False, pipeline="train")
    assert "\n" not in str(refused.value)
    with pytest.raises(UserError, match=words):
        prepare_pinned(task, modalities=given, new_modality=False, inputs="")
    assert not (tmp_path / "store").exists()
    assert tracker_of(context).runs == []


def test_a_new_modality_needs_a_stored_subspace(make: MakeContext, start: Start) -> None:
    context = make()
    with pytest.raises(NotFoundError, match="stored subspace"):
        start(context, "text", new_modality=True)
    assert tracker_of(context).runs == []


def test_a_new_modality_names_the_encoders_of_the_others(finished: Path) -> None:
    context = tiny.open_file(finished / "experiment.yaml")
    begun = begin(task_of(context), modalities=["text"], new_modality=True, pipeline="new-modality")
    assert begun.encoders == {"image": newest_encoder(context, "image").uri}


def test_pins_what_was_prepared(make: MakeContext, start: Start) -> None:
    context = make()
    pins = start(context, *BOTH)
    assert pins.subspace == context.catalog.latest("subspace").uri
    assert pins.features == {m: context.catalog.latest("features", m).uri for m in BOTH}
