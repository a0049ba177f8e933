from __future__ import annotations

import json
from pathlib import Path

import pytest

from sdml.errors import DataError, NotFoundError, UserError
from sdml.steps.context import Context
from sdml.steps.encoders import newest_encoder
from sdml.steps.pipeline_task import (
    Pins,
    TrainedRecord,
    begin,
    evaluate_pinned,
    pipeline_task,
    read_records,
    train_pinned,
)
from sdml.steps.prepare import prepare
from sdml.steps.train import train
from sdml.tracking import MemoryTracker
from tests.steps import tiny
from tests.steps.conftest import MakeContext

pytestmark = pytest.mark.usefixtures("plain_report")


def tracker_of(context: Context) -> MemoryTracker:
    assert isinstance(context.tracker, MemoryTracker)
    return context.tracker


def start(
    context: Context, *modalities: str, new_modality: bool = False, pipeline: str = "train"
) -> Pins:
    return begin(
        context,
        modalities=modalities,
        new_modality=new_modality,
        pipeline=pipeline,
        pipeline_run="p1",
    )


def test_pins_and_records_survive_their_files(tmp_path: Path) -> None:
    pins = Pins(
        subspace="/s/c/subspaces/ab",
        features={"image": "/s/c/features/image/1"},
        encoders={"text": "/s/c/encoders/text/1"},
        parent_run="r1",
        pipeline_run="p1",
    )
    pins.write(str(tmp_path / "pins"))
    assert Pins.read(str(tmp_path / "pins")) == pins
    record = TrainedRecord(
        encoder="/s/c/encoders/image/2",
        modality="image",
        weight=0.1,
        best_epoch=2,
        epochs=3,
        seconds=0.5,
    )
    record.write(str(tmp_path / "record"))
    gathered = [json.loads((tmp_path / "record").read_text())]
    (tmp_path / "gathered").write_text(json.dumps(gathered))
    assert read_records(str(tmp_path / "gathered")) == [record]
    assert record.summary() == {"encoder": record.encoder, "modality": "image", "lambda": 0.1}


def test_a_pipeline_run_is_one_parent_with_children_one_level_deep(make: MakeContext) -> None:
    context = make()
    pins = start(context, "image", "text")
    tracker = tracker_of(context)
    (parent,) = tracker.runs
    assert parent.status is None
    assert parent.logged_tags == {
        "collection": "tiny",
        "pipeline": "train",
        "pipeline_run": "p1",
        "subspace": pins.subspace.rpartition("/")[2],
        "modalities": "image, text",
    }
    records = [train_pinned(context, pins, m, lambda_=None) for m in ("image", "text")]
    assert parent.status is None
    evaluated = evaluate_pinned(context, pins, records, lambda_=None)
    assert [run.name for run in tracker.runs] == ["train", "image", "text"]
    assert [run.parent for run in tracker.runs] == [None, parent.id, parent.id]
    assert [run.status for run in tracker.runs] == ["finished"] * 3
    assert all(run.logged_tags["pipeline_run"] == "p1" for run in tracker.runs)
    assert {run.logged_tags["subspace"] for run in tracker.runs} == {
        pins.subspace.rpartition("/")[2]
    }
    assert {m.name: m.value for m in parent.logged_metrics} == {
        "lambda": 0.5,
        **evaluated.metrics(),
    }
    assert parent.logged_params["lambda"] == "0.5"
    assert "report/report.html" in parent.artifacts
    assert parent.logged_tags["report"] == evaluated.report
    assert [(r.modality, r.weight, r.epochs) for r in records] == [
        ("image", 0.5, 3),
        ("text", 0.5, 3),
    ]


def test_what_is_published_meanwhile_changes_nothing(make: MakeContext) -> None:
    context = make()
    pins = start(context, "image", "text")
    meanwhile = make(modalities={"image": {"transform": "l2"}, "text": {"transform": "l2"}})
    prepare(meanwhile)
    records = [train_pinned(context, pins, m, lambda_=None) for m in ("image", "text")]
    for record in records:
        manifest = context.catalog.get(record.encoder).manifest
        assert pins.features[record.modality].endswith(manifest.made_from["features"])
    train(meanwhile, "image")
    evaluated = evaluate_pinned(context, pins, records, lambda_=None)
    made_from = context.catalog.get(evaluated.report).manifest.made_from
    assert {f"{context.catalog.uri}/{made_from[f'encoder-{m}']}" for m in ("image", "text")} == {
        record.encoder for record in records
    }


def test_a_new_modality_is_evaluated_with_the_stored_ones(
    finished: Path, make: MakeContext
) -> None:
    old = tiny.open_file(finished / "experiment.yaml")
    stored = {m: newest_encoder(old, m).uri for m in ("image", "text")}
    before = tiny.checksums(finished / "store")
    tiny.write_sources(finished, "audio")
    context = tiny.open_file(tiny.write_experiment(finished, "audio"))
    pins = start(context, "audio", new_modality=True)
    assert pins.encoders == stored
    assert pins.features.keys() == {"audio"}
    record = train_pinned(context, pins, "audio", lambda_=None)
    train(old, "text", lambda_=0.9)  # somebody else, after the pins
    evaluated = evaluate_pinned(context, pins, [record], lambda_=None)
    assert len(evaluated.pairs) == 6
    made_from = context.catalog.get(evaluated.report).manifest.made_from
    assert stored["text"].endswith(made_from["encoder-text"])
    assert before.items() <= tiny.checksums(finished / "store").items()


def test_a_new_modality_replaces_its_own_older_encoder(finished: Path) -> None:
    context = tiny.open_file(finished / "experiment.yaml")
    pins = start(context, "text", new_modality=True)
    assert pins.encoders.keys() == {"image"}


def test_a_sweep_has_a_child_for_each_training_and_each_evaluation(make: MakeContext) -> None:
    context = make()
    pins = start(context, "image", "text", pipeline="sweep")
    weights = (0.0, 0.1, 1.0)
    records = [
        train_pinned(context, pins, modality, lambda_=weight)
        for weight in weights
        for modality in ("image", "text")
    ]
    found = [evaluate_pinned(context, pins, records, lambda_=weight) for weight in weights]
    parent, *children = tracker_of(context).runs
    assert {child.parent for child in children} == {parent.id}
    assert [child.name for child in children] == [
        "image λ=0", "text λ=0", "image λ=0.1", "text λ=0.1", "image λ=1", "text λ=1",
        "evaluate λ=0", "evaluate λ=0.1", "evaluate λ=1",
    ]  # fmt: skip
    assert {run.status for run in (parent, *children)} == {"finished"}
    assert parent.logged_metrics == []
    assert "lambda" not in parent.logged_params
    for weight, child, evaluated in zip(weights, children[6:], found, strict=True):
        assert child.values("lambda") == [(0, weight)]
        assert child.values("map/mean") == [(0, evaluated.mean_map)]
        assert child.logged_params == {"lambda": str(weight)}
        assert child.logged_tags["subspace"] == pins.subspace.rpartition("/")[2]
        made_from = context.catalog.get(evaluated.report).manifest.made_from
        of_weight = [r.encoder for r in records if r.weight == weight]
        assert [uri.endswith(made_from[f"encoder-{m}"]) for uri, m in
                zip(of_weight, ("image", "text"), strict=True)] == [True, True]  # fmt: skip


def test_a_failed_evaluation_ends_the_parent_as_failed(make: MakeContext) -> None:
    context = make()
    pins = start(context, "image", "text")
    record = train_pinned(context, pins, "image", lambda_=None)
    with pytest.raises(NotFoundError):
        evaluate_pinned(context, pins, [record], lambda_=None)
    assert tracker_of(context).runs[0].status == "failed"


def test_a_failed_training_ends_the_parent_as_failed(make: MakeContext) -> None:
    context = make(training={"batch_size": 37})
    pins = start(context, "image", "text")
    with pytest.raises(DataError, match="batch_size"):
        train_pinned(context, pins, "image", lambda_=None)
    assert [run.status for run in tracker_of(context).runs] == ["failed", "failed"]


def test_a_failed_evaluation_of_one_weight_fails_its_child_and_the_parent(
    make: MakeContext,
) -> None:
    context = make()
    pins = start(context, "image", "text")
    record = train_pinned(context, pins, "image", lambda_=0.5)
    with pytest.raises(NotFoundError):
        evaluate_pinned(context, pins, [record], lambda_=0.5)
    statuses = [run.status for run in tracker_of(context).runs]
    assert statuses == ["failed", "finished", "failed"]


def test_no_modality_is_refused_before_anything_is_written(
    make: MakeContext, tmp_path: Path
) -> None:
    context = make()
    with pytest.raises(UserError, match="at least one modality"):
        start(context)
    assert not (tmp_path / "store").exists()
    assert tracker_of(context).runs == []


def test_a_task_opens_the_experiment_of_its_parameter(
    make: MakeContext, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make("image")
    text = (tmp_path / "experiment.yaml").read_text().replace("image.npz", f"{tmp_path}/image.npz")
    text = text.replace("store: store", f"store: {tmp_path}/store")
    with pipeline_task(text) as context:
        prepare(context)
    said = capsys.readouterr().out
    assert said.startswith("sdml: prepared image: ")


def test_an_error_of_a_task_is_one_line_and_its_exit_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended, pipeline_task("collection: UPPER\nmodalities: {}\n"):
        pass
    assert ended.value.code == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("sdml: error: pipeline parameter 'experiment': collection: ")
    assert [line for line in lines if line.startswith("sdml: error:")] == lines[:1]


def test_a_defect_of_a_task_keeps_its_traceback() -> None:
    with (
        pytest.raises(ZeroDivisionError),
        pipeline_task("collection: a\ntracking: null\nmodalities: {image: {source: a.npz}}\n"),
    ):
        _ = 1 / 0
