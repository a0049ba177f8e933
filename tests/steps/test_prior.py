"""Priors: learned, scored and tracked; then selected, prepared for, trained against."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdml.errors import ExperimentError, Interrupted, NotFoundError, SubspaceError, UserError
from sdml.retrieval.similarity import projection_temperature
from sdml.steps import prior as module
from sdml.steps.context import Context, read_subspace
from sdml.steps.contract import stored_settings, stored_subspace
from sdml.steps.evaluate import evaluate
from sdml.steps.gc import collect_garbage
from sdml.steps.inventory import inventory
from sdml.steps.prepare import prepare
from sdml.steps.prior import fit_prior
from sdml.steps.prior_selection import select_prior
from sdml.steps.train import train
from sdml.tracking import MemoryTracker
from tests.steps import tiny
from tests.steps.conftest import MakeContext
from tests.steps.test_methods import several_labels

MODALITIES = ("image", "text")


@pytest.fixture
def drcl(make: MakeContext) -> MakeContext:
    def call(*modalities: str, **drcl: Any) -> Context:
        training: dict[str, Any] = {"method": "drcl", "epochs": 30, "drcl": drcl or None}
        return make(*modalities, subspace={"kind": "prior"}, training=training)

    return call


def tracker_of(context: Context) -> MemoryTracker:
    assert isinstance(context.tracker, MemoryTracker)
    return context.tracker


def selected(context: Context) -> str:
    """Prepare, learn and select; returns the subspace's URI."""
    prepare(context)
    for modality in context.experiment.modalities:
        fit_prior(context, modality)
    return select_prior(context).subspace


@pytest.mark.usefixtures("plain_report")
@pytest.mark.parametrize("labels", ["one", "several"])
@pytest.mark.parametrize("bugs", [False, True])
def test_from_sources_to_figures(
    drcl: MakeContext, tmp_path: Path, labels: str, bugs: bool
) -> None:
    # q stays low for 30 epochs; the released settings have 100 and more
    context = drcl(q_step=0.05, reference_bugs=bugs, score="validation")
    if labels == "several":
        several_labels(tmp_path)
    uri = selected(context)
    assert prepare(context).subspace == uri
    for modality in MODALITIES:
        made = train(context, modality)
        assert made.subspace == uri.rpartition("/")[2]
    evaluated = evaluate(context)
    chance = float(np.mean([pair["chance"] for pair in evaluated.pairs]))
    assert evaluated.mean_map > chance + (0.2 if labels == "one" else 0.1)
    assert inventory(context, verify=True).verified > 0


def test_the_best_scored_prior_is_the_subspace(drcl: MakeContext) -> None:
    context = drcl(prior_learning_rate=0.01)
    base = prepare(context).subspace
    fitted = {modality: fit_prior(context, modality) for modality in MODALITIES}
    made = select_prior(context)
    assert made.scores == {name: prior.score for name, prior in fitted.items()}
    assert made.modality == max(made.scores, key=made.scores.__getitem__)
    version = context.catalog.get(made.subspace)
    assert stored_settings(version).kind == "prior"
    assert version.manifest.settings["scores"] == made.scores
    assert version.manifest.made_from["base"] == f"subspaces/{base.rpartition('/')[2]}"
    subspace = read_subspace(context.catalog, version)
    assert subspace.form == "free"
    lengths = np.linalg.norm(subspace.projection_KC, axis=0)
    assert (lengths > 1.1).all()  # the temperature is learned
    assert projection_temperature(subspace.projection_KC) == 1
    assert select_prior(context) == made
    other = next(name for name in MODALITIES if name != made.modality)
    assert select_prior(context, modalities=[other]).modality == other
    with pytest.raises(UserError, match=f"the prior of {made.modality} was selected before"):
        select_prior(context)


def test_the_score_is_the_best_epochs(drcl: MakeContext) -> None:
    context = drcl()
    prepare(context)
    made = fit_prior(context, "image")
    version = context.catalog.get(made.prior)
    assert version.manifest.settings["score"] == made.score
    assert 1 / 3 < made.score < 1
    assert version.manifest.made_from.keys() == {"subspace", "features"}
    assert fit_prior(context, "image") == made  # the same bytes: nothing new


def test_a_prior_goes_on_after_a_stop(drcl: MakeContext) -> None:
    whole = drcl()
    prepare(whole)
    asked = iter([False] * 40 + [True])
    with pytest.raises(Interrupted):
        fit_prior(whole, "image", stop=lambda: next(asked))
    assert tracker_of(whole).runs[-1].status == "killed"
    seen: list[int] = []
    fit_prior(whole, "image", on_epoch=lambda record, epochs: seen.append(record.epoch))
    assert 1 < seen[0] <= seen[-1] == 30


@pytest.mark.parametrize("score", ["train", "validation"])
def test_its_training_is_tracked(drcl: MakeContext, score: str) -> None:
    context = drcl(score=score)
    base = prepare(context).subspace.rpartition("/")[2]
    above = context.tracker.start("tiny", "prior")
    made = fit_prior(context, "image", parent_run=above.id, pipeline_run="p1")
    _, run = tracker_of(context).runs
    assert (run.name, run.parent, run.status) == ("prior image", above.id, "finished")
    features = context.catalog.latest("features", "image").uri
    assert run.logged_tags == {
        "collection": "tiny", "level": "prior", "modality": "image", "method": "drcl",
        "subspace": base, "features": features, "pipeline_run": "p1", "prior": made.prior,
    }  # fmt: skip
    assert run.logged_params["learning_rate"] == "0.0005"
    assert run.logged_params["dimension"] == "16"
    for name in ("loss/train", "loss/validation", "samples_per_second"):
        assert [step for step, _ in run.values(name)] == list(range(1, 31))
    scores = [value for _, value in run.values("score")]
    assert made.score == pytest.approx(max(scores))
    assert scores.index(max(scores)) + 1 == made.best_epoch
    assert run.values("best/score") == [(0, made.score)]
    assert run.values("best_epoch") == [(0, made.best_epoch)]
    contexts = ["training"] if score == "train" else ["training", "validation"]
    assert [dataset.context for dataset in run.datasets] == contexts


def test_takes_a_stored_candidate_of_the_same_training_only(
    drcl: MakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = drcl()
    prepare(context)
    made = fit_prior(context, "image")
    monkeypatch.setattr(module, "fit", forbidden)
    assert fit_prior(context, "image", reuse=True) == made
    first, again = tracker_of(context).runs
    assert again.logged_tags["reused"] == "true"
    for name in ("loss/train", "score", "best/score"):
        assert again.values(name) == first.values(name)
    assert again.values("samples_per_second") == []
    assert "reused" not in first.logged_tags
    other = drcl(q_step=0.05)  # its sources are the same
    with pytest.raises(AssertionError, match="trained"):
        fit_prior(other, "image", reuse=True)
    with pytest.raises(AssertionError, match="trained"):
        fit_prior(context, "image")


def forbidden(*_: Any, **__: Any) -> None:
    raise AssertionError("trained")


def test_learns_from_the_features_that_are_named(drcl: MakeContext) -> None:
    context = drcl()
    named = prepare(context).features["image"]
    meanwhile = drcl_with_transform(drcl)
    assert prepare(meanwhile).features["image"] != named
    made = context.catalog.get(fit_prior(context, "image", features=named).prior)
    assert named.endswith(made.manifest.made_from["features"])


def test_features_that_the_file_would_prepare_otherwise_are_told_of(
    drcl: MakeContext, caplog: pytest.LogCaptureFixture
) -> None:
    prepare(drcl())
    fit_prior(drcl_with_transform(drcl), "image")
    assert "modality image: its features were prepared with another transform" in caplog.text


def test_a_device_that_is_not_here_is_refused_before_a_run_starts(make: MakeContext) -> None:
    context = make(subspace={"kind": "prior"}, training={"method": "drcl", "device": "cuda:99"})
    prepare(context)
    with pytest.raises(ExperimentError, match=r"training\.device"):
        fit_prior(context, "image")
    assert tracker_of(context).runs == []


def drcl_with_transform(drcl: MakeContext) -> Context:
    """The same collection with another transform of every modality."""
    context = drcl()
    modalities = {
        name: settings.model_copy(update={"transform": ("l2",)})
        for name, settings in context.experiment.modalities.items()
    }
    experiment = context.experiment.model_copy(update={"modalities": modalities})
    return Context(experiment=experiment, catalog=context.catalog, tracker=context.tracker)


def test_training_before_a_prior_is_selected_is_refused(drcl: MakeContext) -> None:
    context = drcl()
    prepare(context)
    with pytest.raises(SubspaceError, match="sdml prior fit"):
        train(context, "image")
    with pytest.raises(NotFoundError, match="sdml prior fit"):
        select_prior(context)
    selected(context)
    with pytest.raises(NotFoundError, match="sdml prepare"):
        train(context, "image")


def test_what_does_not_ask_for_a_prior_gets_none(make: MakeContext, drcl: MakeContext) -> None:
    plain = make()
    with pytest.raises(NotFoundError, match="random subspace of dimension 16"):
        fit_prior(drcl(), "image")
    prepare(plain)
    with pytest.raises(ExperimentError, match="method drcl, not sdml"):
        fit_prior(plain, "image")
    with pytest.raises(ExperimentError, match=r"subspace.kind is prior, but it is\s+random"):
        select_prior(plain)
    with pytest.raises(ExperimentError, match="'video'"):
        select_prior(drcl(), modalities=["video"])


def test_sdml_needs_unit_columns_and_a_classifier_does_not(drcl: MakeContext) -> None:
    context = drcl()
    selected(context)
    prepare(context)
    for method, refused in (("sdml", True), ("classifier", False)):
        settings = context.experiment.training.model_validate(
            {"method": method, "epochs": 2, "batch_size": 10, "hidden": [8], "threads": 1}
        )
        experiment = context.experiment.model_copy(update={"training": settings})
        other = Context(experiment=experiment, catalog=context.catalog, tracker=context.tracker)
        if refused:
            with pytest.raises(SubspaceError, match="unit columns"):
                train(other, "image")
        else:
            assert train(other, "image").epochs == 2


def test_garbage_collection_keeps_what_the_prior_was_made_from(
    drcl: MakeContext, tmp_path: Path
) -> None:
    context = drcl()
    uri = selected(context)
    before = tiny.checksums(tmp_path / "store")
    collect_garbage(context, keep=1, grace_days=0)
    assert tiny.checksums(tmp_path / "store") == before
    current = stored_subspace(context)
    assert current is not None
    assert current.uri == uri
