"""How a run ended stands on the parent, whoever was there to say so."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdml.errors import DataError
from sdml.steps.context import Context
from sdml.steps.pipeline import Task, finish, pipeline_task, train_pinned
from sdml.steps.pipeline import task as task_module
from tests.steps import tiny
from tests.steps.conftest import MakeContext
from tests.steps.pipeline.conftest import Start, task_of, tracker_of

BOTH = ("image", "text")


def test_a_task_that_was_killed_is_known_by_its_unfinished_run(
    make: MakeContext, start: Start
) -> None:
    context = make()
    pins = start(context, *BOTH)
    task, tracker = task_of(context), tracker_of(context)
    parent = task.parent()
    assert parent
    tags = {"modality": "text", **task.tags()}
    tracker.start("tiny", "text λ=0.5", parent=parent.id, tags=tags)  # and then no more
    train_pinned(task, pins, "image", lambda_=0.5, reuse=False)
    assert finish(task, "FAILED", "pod ended with 137") == "failed"
    top, killed, done = tracker.runs
    assert (killed.status, done.status, top.status) == ("killed", "finished", "failed")
    assert top.logged_tags["failed_task"] == "train text λ=0.5 (killed)"
    assert top.logged_tags["error"] == "pod ended with 137"


def test_a_prior_that_was_killed_is_told_from_a_training(make: MakeContext, start: Start) -> None:
    context = make(subspace={"kind": "prior"}, training={"method": "drcl"})
    start(context, *BOTH, pipeline="prior")
    task, tracker = task_of(context), tracker_of(context)
    parent = task.parent()
    assert parent
    tags = {"level": "prior", "modality": "text", **task.tags()}
    tracker.start("tiny", "prior text", parent=parent.id, tags=tags)  # and then no more
    finish(task, "FAILED")
    assert tracker.runs[0].logged_tags["failed_task"] == "fit prior text (killed)"


@pytest.mark.parametrize(("state", "outcome"), [("CANCELLED", "killed"), ("FAILED", "failed")])
def test_without_a_word_the_last_known_task_is_named(
    make: MakeContext, start: Start, state: str, outcome: str
) -> None:
    context = make()
    start(context, *BOTH)
    task = task_of(context)
    task.tell_parent(task="evaluate")
    assert finish(task, state) == outcome
    (parent,) = tracker_of(context).runs
    assert parent.status == outcome
    assert parent.logged_tags["outcome"] == outcome
    assert parent.logged_tags["failed_task"] == "evaluate"


def test_what_nobody_knows_is_said_to_be_unknown(make: MakeContext, start: Start) -> None:
    context = make()
    start(context, *BOTH)  # after the preparation any training may have failed
    finish(task_of(context), "FAILED")
    (parent,) = tracker_of(context).runs
    assert parent.logged_tags["failed_task"].startswith("unknown")


def test_a_run_that_never_began_gets_a_parent_all_the_same(make: MakeContext) -> None:
    context = make()
    assert finish(task_of(context), "FAILED", "begin failed") == "failed"
    (parent,) = tracker_of(context).runs
    assert (parent.status, parent.logged_tags["level"]) == ("failed", "pipeline")


def test_a_failed_attempt_that_was_mended_by_a_retry_leaves_a_finished_run(
    make: MakeContext, start: Start
) -> None:
    context = make()
    start(context, *BOTH)
    task = task_of(context)
    task.tell_parent(last_failure="train image", last_error="no answer")
    assert finish(task, "SUCCEEDED") == "finished"
    (parent,) = tracker_of(context).runs
    assert parent.status == "finished"
    assert "failed_task" not in parent.logged_tags


def test_a_failing_task_names_itself_on_the_parent(
    make: MakeContext, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = make(training={"batch_size": 37, "least_batches": 1})
    pins = start(context, *BOTH)
    monkeypatch.setenv(task_module.PIPELINE_RUN, "p1")
    monkeypatch.setattr(Context, "open", lambda *_, **__: context)
    text = tiny.write_experiment(tmp_path, *BOTH).read_text()
    with pytest.raises(SystemExit) as ended, pipeline_task(text, name="train image") as task:
        train_pinned(task, pins, "image", lambda_=0.5, reuse=True)
    assert ended.value.code == DataError.exit_code
    finish(task_of(context), "FAILED", "Kubeflow's words")
    parent, child = tracker_of(context).runs
    assert (parent.status, child.status) == ("failed", "failed")
    assert parent.logged_tags["failed_task"] == "train image"
    assert "batch_size" in parent.logged_tags["error"]


def test_outside_of_a_pipeline_there_is_no_parent(make: MakeContext) -> None:
    task = Task(context=make(), pipeline_run="")
    assert task.parent() is None
    assert task.tags() == {}
