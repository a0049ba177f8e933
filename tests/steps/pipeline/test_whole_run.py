"""The tasks of a run after each other: what they leave in tracking and in the store."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sdml.errors import NotFoundError, UserError
from sdml.experiment import parse_experiment
from sdml.steps.encoders import newest_encoder
from sdml.steps.pipeline import (
    Pins,
    TrainedRecord,
    begin,
    evaluate_pinned,
    finish,
    train_pinned,
)
from sdml.steps.prepare import prepare
from sdml.steps.train import train
from tests.steps import tiny
from tests.steps.conftest import MakeContext
from tests.steps.pipeline.conftest import Start, task_of, tracker_of

pytestmark = pytest.mark.usefixtures("plain_report")
BOTH = ("image", "text")


def test_a_pipeline_run_is_one_parent_with_children_one_level_deep(
    make: MakeContext, start: Start
) -> None:
    context = make()
    pins = start(context, *BOTH)
    task, tracker = task_of(context), tracker_of(context)
    records = [train_pinned(task, pins, m, lambda_=0.5, reuse=True) for m in BOTH]
    evaluated = evaluate_pinned(task, pins, records, {}, lambda_=None)
    parent = tracker.runs[0]
    assert parent.status is None
    assert finish(task, "SUCCEEDED") == "finished"
    assert [run.name for run in tracker.runs] == ["train", "image λ=0.5", "text λ=0.5"]
    assert [run.parent for run in tracker.runs] == [None, parent.id, parent.id]
    assert [run.status for run in tracker.runs] == ["finished"] * 3
    assert all(run.logged_tags["pipeline_run"] == "p1" for run in tracker.runs)
    assert {run.logged_tags["subspace"] for run in tracker.runs} == {
        pins.subspace.rpartition("/")[2]
    }
    logged = {m.name: m.value for m in parent.logged_metrics}
    assert {"lambda": 0.5, **evaluated.metrics()}.items() <= logged.items()
    assert "| image | – |" in parent.logged_tags["mlflow.note.content"]
    assert "report/report.html" in parent.artifacts
    assert parent.logged_tags["report"] == evaluated.report
    assert parent.logged_tags["outcome"] == "finished"
    assert "failed_task" not in parent.logged_tags
    assert [(r.modality, r.weight, r.epochs) for r in records] == [
        ("image", 0.5, 3),
        ("text", 0.5, 3),
    ]


def test_after_a_sweep_the_files_own_encoder_is_the_newest(make: MakeContext, start: Start) -> None:
    context = make(modalities={"text": {"training": {"lambda": 1.0}}})
    pins = start(context, *BOTH)
    task, tracker = task_of(context), tracker_of(context)
    weights = (0.5, 0.0, 1.0)
    records = [train_pinned(task, pins, m, lambda_=w, reuse=True) for w in weights for m in BOTH]
    for weight in weights:
        evaluate_pinned(task, pins, records, {}, lambda_=weight)
    own = {"image": 0.5, "text": 1.0}
    newest = {m: newest_encoder(context, m) for m in BOTH}
    assert {m: version.manifest.settings["lambda"] for m, version in newest.items()} == own
    original = next(r.encoder for r in records if (r.modality, r.weight) == ("image", 0.5))
    assert newest["image"].manifest.objects == context.catalog.get(original).manifest.objects
    assert newest["text"].uri == records[-1].encoder  # no copy is needed
    registered = [model.tags["encoder"] for run in tracker.runs for model in run.models]
    assert registered.count(newest["image"].uri) == 1
    evaluate_pinned(task, pins, records, {}, lambda_=0.5)  # a retry
    assert newest_encoder(context, "image").path == newest["image"].path


def test_two_encoders_of_one_modality_are_refused(make: MakeContext, start: Start) -> None:
    context = make()
    pins = start(context, *BOTH)
    task = task_of(context)
    records = [train_pinned(task, pins, "image", lambda_=w, reuse=True) for w in (0.5, 0.0)]
    records.append(train_pinned(task, pins, "text", lambda_=0.5, reuse=True))
    with pytest.raises(UserError, match="of image it got several"):
        evaluate_pinned(task, pins, records, {}, lambda_=None)


def test_what_was_removed_meanwhile_is_named_with_the_cache(
    make: MakeContext, start: Start
) -> None:
    context = make()
    pins = start(context, *BOTH)
    task = task_of(context)
    record = train_pinned(task, pins, "image", lambda_=0.5, reuse=True)
    shutil.rmtree(record.encoder)
    with pytest.raises(NotFoundError, match=r"encoders/image/.*--no-cache"):
        evaluate_pinned(task, pins, [record], {}, lambda_=None)
    shutil.rmtree(pins.features["image"])
    with pytest.raises(NotFoundError, match=r"features/image/.*--no-cache"):
        train_pinned(task, pins, "image", lambda_=0.5, reuse=True)


def test_what_is_published_meanwhile_changes_nothing(make: MakeContext, start: Start) -> None:
    context = make()
    pins = start(context, *BOTH)
    meanwhile = make(modalities={"image": {"transform": "l2"}, "text": {"transform": "l2"}})
    prepare(meanwhile)
    task = task_of(context)
    records = [train_pinned(task, pins, m, lambda_=0.5, reuse=True) for m in BOTH]
    for record in records:
        manifest = context.catalog.get(record.encoder).manifest
        assert pins.features[record.modality].endswith(manifest.made_from["features"])
    train(meanwhile, "image")
    evaluated = evaluate_pinned(task, pins, records, {}, lambda_=None)
    made_from = context.catalog.get(evaluated.report).manifest.made_from
    assert {f"{context.catalog.uri}/{made_from[f'encoder-{m}']}" for m in BOTH} == {
        record.encoder for record in records
    }


def test_a_new_modality_is_evaluated_with_the_stored_ones(
    finished: Path, make: MakeContext, start: Start
) -> None:
    old = tiny.open_file(finished / "experiment.yaml")
    stored = {m: newest_encoder(old, m).uri for m in BOTH}
    before = tiny.checksums(finished / "store")
    tiny.write_sources(finished, "audio")
    context = tiny.open_file(tiny.write_experiment(finished, "audio"))
    task = task_of(context)
    others = begin(task, modalities=["audio"], new_modality=True, pipeline="new-modality").encoders
    assert others == stored
    pins = start(context, "audio", new_modality=True)
    assert pins.features.keys() == {"audio"}
    record = train_pinned(task, pins, "audio", lambda_=0.5, reuse=True)
    train(old, "text", lambda_=0.9)  # somebody else, after the beginning
    evaluated = evaluate_pinned(task, pins, [record], others, lambda_=None)
    assert len(evaluated.pairs) == 6
    made_from = context.catalog.get(evaluated.report).manifest.made_from
    assert stored["text"].endswith(made_from["encoder-text"])
    assert before.items() <= tiny.checksums(finished / "store").items()


def test_a_sweep_has_a_child_for_each_training_and_each_evaluation(
    make: MakeContext, start: Start
) -> None:
    context = make()
    pins = start(context, *BOTH, pipeline="sweep")
    task = task_of(context)
    weights = (0.0, 0.1, 1.0)
    records = [
        train_pinned(task, pins, modality, lambda_=weight, reuse=True)
        for weight in weights
        for modality in BOTH
    ]
    found = [evaluate_pinned(task, pins, records, {}, lambda_=weight) for weight in weights]
    finish(task, "SUCCEEDED")
    parent, *children = tracker_of(context).runs
    assert {child.parent for child in children} == {parent.id}
    assert [child.name for child in children] == [
        "image λ=0", "text λ=0", "image λ=0.1", "text λ=0.1", "image λ=1", "text λ=1",
        "evaluate λ=0", "evaluate λ=0.1", "evaluate λ=1",
    ]  # fmt: skip
    assert {run.status for run in (parent, *children)} == {"finished"}
    assert parent.logged_metrics == []
    summary = parent.logged_tags["mlflow.note.content"]
    for weight, evaluated in zip(weights, found, strict=True):
        assert f"| {weight:g} | sdml | posterior | 1 | {evaluated.mean_map:.3f} |" in summary
    assert "lambda" not in parent.logged_params
    for weight, child, evaluated in zip(weights, children[6:], found, strict=True):
        assert child.values("lambda") == [(0, weight)]
        assert child.values("map/mean") == [(0, evaluated.mean_map)]
        assert child.logged_params == {
            "lambda": str(weight), "method": "sdml", "seed": "0", "similarity": "posterior"
        }  # fmt: skip
        assert child.logged_tags["level"] == "evaluation"
        file = parse_experiment(child.artifacts["experiment.yaml"].decode())
        assert [file.training_of(name).lambda_ for name in BOTH] == [weight, weight]
        assert child.logged_tags["subspace"] == pins.subspace.rpartition("/")[2]
        made_from = context.catalog.get(evaluated.report).manifest.made_from
        of_weight = [r.encoder for r in records if r.weight == weight]
        assert [uri.endswith(made_from[f"encoder-{m}"]) for uri, m in
                zip(of_weight, BOTH, strict=True)] == [True, True]  # fmt: skip


@pytest.mark.parametrize(
    ("trained", "words"),
    [
        (
            {"image": [0.1, 0.9], "text": [0.1]},
            r"no encoder of this run has λ = 0\.25; trained were: "
            r"image with λ = 0\.1, 0\.9; text with λ = 0\.1: "
            r".*'weights', or change 'trainings' too",
        ),
        (
            {"image": [0.25], "text": [0.1], "audio": [0.9]},
            r"no encoder of text, audio of this run has λ = 0\.25; trained were: image with",
        ),
        ({}, r"no encoder of this run has λ = 0\.25; trained were: none"),
    ],
    ids=["none", "some", "nothing"],
)
def test_a_weight_without_training_is_refused_before_it_is_tracked(
    make: MakeContext, trained: dict[str, list[float]], words: str
) -> None:
    task = task_of(make())
    records = [
        TrainedRecord(
            encoder="none", modality=name, weight=weight, best_epoch=1, epochs=1, seconds=1.0
        )
        for name, weights in trained.items()
        for weight in weights
    ]
    with pytest.raises(UserError, match=words) as refused:
        evaluate_pinned(task, Pins(subspace="none", features={}), records, {}, lambda_=0.25)
    assert "\n" not in str(refused.value)
    assert tracker_of(task.context).runs == []


def test_an_unchanged_training_is_not_done_again(make: MakeContext, start: Start) -> None:
    context = make()
    pins = start(context, *BOTH)
    first = train_pinned(task_of(context), pins, "image", lambda_=0.5, reuse=True)
    task = task_of(context, "p2")
    assert train_pinned(task, pins, "image", lambda_=0.5, reuse=True).encoder == first.encoder
    assert len(context.catalog.versions("encoder")) == 1
    other = train_pinned(task, pins, "image", lambda_=0.1, reuse=True)
    assert other.encoder != first.encoder
