"""A sweep publishes what single trainings would, and takes what they have made."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from sdml.errors import ExperimentError, Interrupted, NotFoundError, TrainingError, UserError
from sdml.steps.context import Context
from sdml.steps.encoders import newest_encoders
from sdml.steps.prepare import prepare
from sdml.steps.sweep import Swept, sweep, sweep_settings
from sdml.steps.train import train
from sdml.training import EpochRecord
from tests.steps import tiny
from tests.steps.conftest import MakeContext
from tests.steps.trained import encoders, runs

LARGE = {
    "hidden": [1024, 1024]
}  # half is too large to be stacked on a CPU: exactly the bits of alone


def swept(context: Context, *lambdas: float, **given: Any) -> Swept:
    seeds, rates = given.pop("seeds", 1), given.pop("learning_rates", None)
    settings = sweep_settings(
        context, "image", lambdas=lambdas or None, seeds=seeds, learning_rates=rates
    )
    return sweep(context, "image", settings, **given)


def statuses(context: Context) -> list[str]:
    return [str(run.status) for run in runs(context)]


@pytest.mark.parametrize("training", [{}, LARGE], ids=["stacked", "by turns"])
def test_each_encoder_is_the_one_that_train_makes(
    make: MakeContext, tmp_path: Path, training: dict[str, Any]
) -> None:
    context = make("image", training=training)
    prepare(context)
    made = swept(context, 0.0, 0.5, 0.9)
    apart = make("image", training=training, store=str(tmp_path / "apart"))
    prepare(apart)
    for found in made.encoders:
        alone = train(apart, "image", lambda_=found.lambda_)
        one, other = context.catalog.get(found.encoder), apart.catalog.get(alone.encoder)
        assert one.manifest.settings == other.manifest.settings
        assert one.manifest.made_from.keys() == other.manifest.made_from.keys()
        assert one.manifest.seed == other.manifest.seed
        names = [[record.name for record in v.manifest.objects] for v in (one, other)]
        assert names[0] == names[1]
        assert (found.best_epoch, found.epochs) == (alone.best_epoch, alone.epochs)
        if training:
            assert one.manifest.objects == other.manifest.objects
    assert made.subspace == alone.subspace
    assert [each.lambda_ for each in made.encoders] == [0.0, 0.5, 0.9]
    assert not list((tmp_path / "store/tiny/checkpoints").rglob("*.safetensors"))


def test_what_is_stored_is_not_trained_again(make: MakeContext, tmp_path: Path) -> None:
    context = make("image")
    prepare(context)
    own = train(context, "image")
    first = swept(context, 0.2, 0.5)
    assert [each.reused for each in first.encoders] == [False, True]
    copy, stored = (context.catalog.get(uri) for uri in (first.encoders[1].encoder, own.encoder))
    assert copy.path != stored.path  # a newer one, so that it is taken
    assert copy.manifest.objects == stored.manifest.objects
    before = tiny.checksums(tmp_path / "store")
    again = swept(context, 0.5, 0.2)
    assert [each.reused for each in again.encoders] == [True, True]
    assert {each.encoder for each in again.encoders} == {each.encoder for each in first.encoders}
    assert tiny.checksums(tmp_path / "store") == before
    reused = train(context, "image", lambda_=0.2, reuse=True)
    assert (reused.reused, reused.encoder) == (True, first.encoders[0].encoder)
    assert not swept(context, 0.2, reuse=False).encoders[0].reused


def test_seeds_and_learning_rates_make_a_grid(make: MakeContext) -> None:
    context = make("image", training={"seed": 3})
    prepare(context)
    made = swept(context, 0.1, 0.2, seeds=2, learning_rates=[0.01, 0.02])
    found = [(each.lambda_, each.seed, each.learning_rate) for each in made.encoders]
    assert found == list(itertools.product((0.1, 0.2), (3, 4), (0.01, 0.02)))
    assert len({each.encoder for each in made.encoders}) == 8
    names = [run.name for run in runs(context)]
    assert names[0] == "sweep image"
    assert names[1:3] == [
        "image λ=0.1 seed=3 learning rate=0.01",
        "image λ=0.1 seed=3 learning rate=0.02",
    ]


def test_by_default_the_lambdas_of_the_file(make: MakeContext) -> None:
    context = make("image", sweep={"lambdas": [0.25, 0.75]})
    assert [s.lambda_ for s in sweep_settings(context, "image")] == [0.25, 0.75]
    drcl = {"method": "drcl", "drcl": {"gamma": 0.8}}
    other = make("image", training={**drcl, "hidden": [16]})
    settings = sweep_settings(other, "image", seeds=2)
    assert [(s.lambda_, s.seed) for s in settings] == [(0.0, 0), (0.0, 1)]


def test_every_setting_is_tracked_like_a_training(make: MakeContext) -> None:
    context = make("image")
    prepare(context)
    made = swept(context, 0.25, 0.75, pipeline_run="p1")
    parent, first, second = runs(context)
    assert parent.logged_tags["level"] == "sweep"
    rows = parent.logged_tags["mlflow.note.content"].splitlines()[-2:]
    assert [row.split(" | ")[0] for row in rows] == ["| 0.25", "| 0.75"]
    for row, each in zip(rows, made.encoders, strict=True):
        assert f"| {each.best_epoch} of 3 | {each.validation:.4f} | `{each.encoder}` |" in row
    assert [run.parent for run in (first, second)] == [parent.id] * 2
    assert statuses(context) == ["finished"] * 3
    alone = make("image")
    train(alone, "image", lambda_=0.25, pipeline_run="p1")
    (single,) = runs(alone)
    assert first.name == single.name == "image λ=0.25"
    assert first.logged_params == single.logged_params
    assert first.datasets == single.datasets
    assert first.logged_tags == {**single.logged_tags, "encoder": made.encoders[0].encoder}
    for name in {metric.name for metric in single.logged_metrics} - {"samples_per_second"}:
        found = [value for _, value in first.values(name)]
        assert found == pytest.approx([value for _, value in single.values(name)], abs=1e-5), name
    assert [step for step, _ in first.values("samples_per_second")] == [1, 2, 3]
    assert second.values("lambda") == [(0, 0.75)]


def test_under_a_given_parent_there_is_no_other(make: MakeContext) -> None:
    context = make("image")
    prepare(context)
    parent = context.tracker.start("tiny", "pipeline")
    swept(context, 0.1, 0.2, parent_run=parent.id)
    assert [run.parent for run in runs(context)[1:]] == [parent.id] * 2


@pytest.mark.parametrize(
    ("training", "at_once", "trained_before"),
    [({}, None, False), ({}, 1, False), ({}, None, True), ({"precision": "auto"}, None, False)],
    ids=["at once", "one by one", "trained before", "decided precision"],
)
def test_what_the_file_asks_for_is_the_newest(
    make: MakeContext, training: dict[str, Any], at_once: int | None, trained_before: bool
) -> None:
    context = make("image", training=training)
    prepared = prepare(context)
    if trained_before:
        train(context, "image")
    swept(context, 0.5, 0.7, 0.9, at_once=at_once)
    subspace = context.catalog.get(prepared.subspace).path
    (newest,) = newest_encoders(context, subspace=subspace)
    assert newest.manifest.settings["lambda"] == 0.5
    swept(context, 0.3)
    swept(context, 0.5, 0.7)
    (newest,) = newest_encoders(context, subspace=subspace)
    assert newest.manifest.settings["lambda"] == 0.5
    assert newest.uri in {run.logged_tags.get("encoder") for run in runs(context)}  # registered


@pytest.mark.parametrize("training", [{}, LARGE], ids=["stacked", "by turns"])
def test_stopped_it_goes_on_and_ends_the_same(
    make: MakeContext, tmp_path: Path, training: dict[str, Any]
) -> None:
    whole = make("image", training=training, store=str(tmp_path / "whole"))
    prepare(whole)
    expected = swept(whole, 0.1, 0.6)
    context = make("image", training=training)
    prepare(context)
    asked = itertools.count(1)
    with pytest.raises(Interrupted, match="2 settings at once was stopped in epoch 2 of 3"):
        swept(context, 0.1, 0.6, stop=lambda: next(asked) >= 7)
    assert statuses(context) == ["killed"] * 3
    assert encoders(tmp_path) == []
    seen: list[int] = []

    def on_epoch(records: Any, epochs: int) -> None:
        assert epochs == 3
        seen.extend(record.epoch for record in records)

    resumed = swept(context, 0.1, 0.6, on_epoch=on_epoch)
    assert seen == [2, 2, 3, 3]
    for one, other in zip(resumed.encoders, expected.encoders, strict=True):
        left, right = context.catalog.get(one.encoder), whole.catalog.get(other.encoder)
        assert left.manifest.objects == right.manifest.objects
    assert not list((tmp_path / "store/tiny/checkpoints").rglob("*.safetensors"))


def test_killed_while_it_published_it_goes_on_from_the_checkpoint(
    make: MakeContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = make("image", training={"checkpoint_seconds": 0})
    prepare(context)
    catalog = type(context.catalog)
    publish, published = catalog.publish, itertools.count(1)

    def killed(*given: Any, **named: Any) -> Any:
        if next(published) == 2:
            raise KeyboardInterrupt
        return publish(*given, **named)

    monkeypatch.setattr(catalog, "publish", killed)
    with pytest.raises(KeyboardInterrupt):
        swept(context, 0.1, 0.2, 0.3)
    monkeypatch.undo()
    assert len(encoders(tmp_path)) == 1
    seen: list[EpochRecord] = []
    made = swept(context, 0.1, 0.2, 0.3, on_epoch=lambda records, _: seen.extend(records))
    assert seen == []
    assert len(encoders(tmp_path)) == len({each.encoder for each in made.encoders}) == 3


def test_fewer_at_once_make_the_same(make: MakeContext, tmp_path: Path) -> None:
    context = make("image", training=LARGE)
    prepare(context)
    all_at_once = swept(context, 0.1, 0.2, 0.3)
    other = make("image", training=LARGE, store=str(tmp_path / "other"))
    prepare(other)
    two_at_once = swept(other, 0.1, 0.2, 0.3, at_once=2)
    for one, two in zip(all_at_once.encoders, two_at_once.encoders, strict=True):
        left, right = context.catalog.get(one.encoder), other.catalog.get(two.encoder)
        assert left.manifest.objects == right.manifest.objects


def test_one_that_diverges_costs_only_itself(make: MakeContext, tmp_path: Path) -> None:
    plain = {
        "preset": "sdml-reference",
        "normalize_code": False,
        "normalize_reconstruction": False,
    }
    context = make("image", training=plain)
    prepare(context)
    with pytest.raises(TrainingError, match=r"1 of 2 settings.*learning rate 1e\+30"):
        swept(context, 0.5, learning_rates=[0.01, 1e30])
    assert len(encoders(tmp_path)) == 1
    assert statuses(context) == ["failed", "finished", "failed"]


class TestRefused:
    def test_values(self, make: MakeContext) -> None:
        context = make("image")
        for given, said in (
            ({"lambdas": [0.1, 0.1]}, "--lambda must name each value once"),
            ({"learning_rates": [1e-3, 1e-3]}, "--learning-rate must name each value once"),
            ({"seeds": 0}, "--seeds must be at least 1"),
        ):
            with pytest.raises(UserError, match=said):
                sweep_settings(context, "image", **given)
        with pytest.raises(ExperimentError, match="lambda"):
            sweep_settings(context, "image", lambdas=[1.5])
        with pytest.raises(ExperimentError, match="learning_rate"):
            sweep_settings(context, "image", learning_rates=[-1.0])
        with pytest.raises(ExperimentError, match="'audio'"):
            sweep_settings(context, "audio")

    def test_none_at_once_and_nothing_prepared(self, make: MakeContext, tmp_path: Path) -> None:
        context = make("image")
        with pytest.raises(NotFoundError, match="sdml prepare"):
            swept(context, 0.1)
        prepare(context)
        before = tiny.checksums(tmp_path / "store")
        with pytest.raises(UserError, match="--at-once must be at least 1"):
            swept(context, 0.1, at_once=0)
        assert runs(context) == []
        assert tiny.checksums(tmp_path / "store") == before
