"""The tasks of a prior run after each other: pinned, tracked, refused, repeated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sdml.errors import ExperimentError, NotFoundError, UserError
from sdml.steps.context import Context
from sdml.steps.contract import base_subspace
from sdml.steps.gc import remove_named
from sdml.steps.pipeline import (
    begin,
    finish,
    fit_prior_pinned,
    prepare_pinned,
    select_prior_pinned,
    train_pinned,
)
from sdml.steps.prior import fit_prior
from tests.steps import tiny
from tests.steps.conftest import MakeContext
from tests.steps.pipeline.conftest import Start, task_of, tracker_of

BOTH = ("image", "text")


@pytest.fixture
def drcl(make: MakeContext) -> MakeContext:
    def call(*modalities: str, **drcl: Any) -> Context:
        training = {"method": "drcl", "drcl": drcl or None}
        return make(*modalities, subspace={"kind": "prior"}, training=training)

    return call


def test_a_run_is_one_parent_with_what_was_selected_and_a_child_for_each_prior(
    drcl: MakeContext, start: Start
) -> None:
    context = drcl()
    pins = start(context, *BOTH, pipeline="prior")
    task, tracker = task_of(context), tracker_of(context)
    records = [fit_prior_pinned(task, pins, name, reuse=True) for name in BOTH]
    made = select_prior_pinned(task, records)
    assert finish(task, "SUCCEEDED") == "finished"
    parent, *children = tracker.runs
    assert [run.name for run in tracker.runs] == ["prior", "prior image", "prior text"]
    assert {run.parent for run in children} == {parent.id}
    assert {run.status for run in tracker.runs} == {"finished"}
    assert {run.logged_tags["pipeline_run"] for run in tracker.runs} == {"p1"}
    scores = {record.modality: record.score for record in records}
    assert made.scores == scores
    best = max(records, key=lambda record: record.score)
    said = {"selected": best.modality, "prior": best.prior, "outcome": "finished"}
    assert said.items() <= parent.logged_tags.items()
    assert parent.logged_tags["subspace"] == made.subspace.rpartition("/")[2]
    logged = {metric.name: metric.value for metric in parent.logged_metrics}
    assert logged == {f"score/{name}": score for name, score in scores.items()}
    assert "lambda" not in parent.logged_params
    rows = parent.logged_tags["mlflow.note.content"].splitlines()[4:]
    assert [row.split()[1] for row in rows] == sorted(scores, key=lambda m: -scores[m])
    for run, record in zip(children, records, strict=True):
        assert [value for _, value in run.values("best/score")] == [record.score]
        assert len(run.values("loss/train")) == record.epochs == 3


def test_what_is_published_meanwhile_changes_nothing(drcl: MakeContext, start: Start) -> None:
    context = drcl()
    pins = start(context, *BOTH, pipeline="prior")
    task = task_of(context)
    records = [fit_prior_pinned(task, pins, name, reuse=True) for name in BOTH]
    other = drcl(prior_learning_rate=0.02)  # somebody else, after these
    assert fit_prior(other, "text").score > max(record.score for record in records)
    made = select_prior_pinned(task, records)
    made_from = context.catalog.get(made.subspace).manifest.made_from
    for record in records:
        assert record.prior.endswith(made_from[f"prior-{record.modality}"])
        features = context.catalog.get(record.prior).manifest.made_from["features"]
        assert pins.features[record.modality].endswith(features)


def test_training_and_a_new_modality_then_work_against_it(
    drcl: MakeContext, start: Start, tmp_path: Path
) -> None:
    context = drcl()
    pins = start(context, *BOTH, pipeline="prior")
    task = task_of(context)
    made = select_prior_pinned(
        task, [fit_prior_pinned(task, pins, name, reuse=True) for name in BOTH]
    )
    tiny.write_sources(tmp_path, "audio")
    newcomer = tiny.open_file(
        tiny.write_experiment(tmp_path, "audio", subspace=None, training={"method": "drcl"})
    )
    for one, modality, new in ((context, "image", False), (newcomer, "audio", True)):
        after = start(one, modality, new_modality=new)
        assert after.subspace == made.subspace
        record = train_pinned(task_of(one), after, modality, lambda_=0.0, reuse=True)
        made_from = one.catalog.get(record.encoder).manifest.made_from
        assert made.subspace.endswith(made_from["subspace"])


def test_a_run_after_a_selection_starts_where_the_first_one_did(
    drcl: MakeContext, start: Start
) -> None:
    context = drcl()
    pins = start(context, *BOTH, pipeline="prior")
    task = task_of(context)
    records = [fit_prior_pinned(task, pins, name, reuse=True) for name in BOTH]
    made = select_prior_pinned(task, records)
    again = start(context, *BOTH, pipeline="prior")
    assert again == pins
    base = base_subspace(context)
    assert base is not None
    assert again.subspace == base.uri != made.subspace
    repeated = [fit_prior_pinned(task, again, name, reuse=True) for name in BOTH]
    assert repeated == records
    assert select_prior_pinned(task, repeated) == made


def test_the_preparation_knows_which_digest_the_beginning_made(
    drcl: MakeContext, start: Start
) -> None:
    context = drcl()
    pins = start(context, *BOTH, pipeline="prior")
    task = task_of(context)
    select_prior_pinned(task, [fit_prior_pinned(task, pins, name, reuse=True) for name in BOTH])
    what: dict[str, Any] = {"modalities": BOTH, "new_modality": False}
    inputs = {name: begin(task, **what, pipeline=name).inputs for name in ("prior", "train")}
    assert inputs["prior"] != inputs["train"]  # one for the random subspace, one for the prior
    with pytest.raises(UserError, match="one of them has changed"):
        prepare_pinned(task, **what, inputs=inputs["train"], for_prior=True)


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"training": {"method": "drcl"}}, r"subspace\.kind is prior, but it is random"),
        ({"subspace": {"kind": "prior"}}, "modality image: .* method drcl, not sdml"),
        (
            {
                "subspace": {"kind": "prior"},
                "training": {"method": "drcl"},
                "modalities": {"text": {"method": "classifier"}},
            },
            "modality text: .* method drcl, not classifier",
        ),
    ],
    ids=["kind", "method", "of a modality"],
)
def test_a_file_that_cannot_have_a_prior_is_refused_at_the_beginning(
    make: MakeContext, tmp_path: Path, sections: dict[str, Any], said: str
) -> None:
    context = make(**sections)
    with pytest.raises(ExperimentError, match=said):
        begin(task_of(context), modalities=BOTH, new_modality=False, pipeline="prior")
    assert not (tmp_path / "store").exists()
    assert tracker_of(context).runs == []


def test_a_modality_that_was_not_prepared_is_refused(drcl: MakeContext, start: Start) -> None:
    context = drcl()
    pins = start(context, "image", pipeline="prior")
    with pytest.raises(UserError, match="one of image, not 'text'"):
        fit_prior_pinned(task_of(context), pins, "text", reuse=True)


def test_a_candidate_that_was_removed_is_named_with_the_way_out(
    drcl: MakeContext, start: Start
) -> None:
    context = drcl()
    pins = start(context, *BOTH, pipeline="prior")
    task = task_of(context)
    record = fit_prior_pinned(task, pins, "image", reuse=True)
    remove_named(context, [record.prior])
    with pytest.raises(NotFoundError, match="--no-cache"):
        select_prior_pinned(task, [record])
    remove_named(context, [pins.features["image"]])
    with pytest.raises(NotFoundError, match="--no-cache"):
        fit_prior_pinned(task, pins, "image", reuse=True)
