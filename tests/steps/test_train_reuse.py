"""``reuse``: an encoder that exactly this training has made is taken from the store."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sdml.steps.prepare import prepare
from sdml.steps.train import train
from tests.steps import tiny
from tests.steps.conftest import MakeContext
from tests.steps.trained import runs


def never(*_: object) -> None:
    raise AssertionError


class TestReuse:
    def test_the_same_is_not_trained_again(self, make: MakeContext, tmp_path: Path) -> None:
        context = make("image")
        prepare(context)
        first = train(context, "image", reuse=True)
        before = tiny.checksums(tmp_path / "store")
        parent = context.tracker.start("tiny", "pipeline")
        again = train(
            context, "image", reuse=True, parent_run=parent.id, pipeline_run="p", on_epoch=never
        )
        assert not first.reused
        assert again == replace(first, seconds=again.seconds, reused=True)
        assert tiny.checksums(tmp_path / "store") == before

        trained, _, reused = runs(context)
        assert reused.parent == parent.id
        assert reused.status == "finished"
        assert reused.logged_params == trained.logged_params
        expected = {**trained.logged_tags, "reused": "true", "pipeline_run": "p"}
        assert reused.logged_tags == expected
        for name in {metric.name for metric in trained.logged_metrics} - {"samples_per_second"}:
            assert reused.values(name) == trained.values(name), name
        assert reused.values("samples_per_second") == []
        assert reused.datasets == trained.datasets

    def test_without_it_there_is_training(self, make: MakeContext) -> None:
        context = make("image")
        prepare(context)
        train(context, "image")
        assert not train(context, "image").reused

    @pytest.mark.parametrize(
        "change",
        [
            {"training": {"lambda": 0.4}},
            {"training": {"seed": 1}},
            {"training": {"epochs": 2}},
            {"training": {"selection": "last"}},
            {"modalities": {"image": {"transform": "l2"}}},
            {"subspace": {"seed": 1}},
        ],
    )
    def test_what_decides_the_result_must_be_the_same(
        self, make: MakeContext, change: dict[str, Any]
    ) -> None:
        context = make("image")
        prepare(context)
        train(context, "image")
        other = make("image", **change)
        prepare(other)
        assert not train(other, "image", reuse=True).reused
        assert train(context, "image", reuse=True).reused  # an older one, not the newest

    def test_how_often_it_is_checkpointed_does_not_matter(self, make: MakeContext) -> None:
        context = make("image")
        prepare(context)
        train(context, "image")
        other = make("image", training={"checkpoint_seconds": 1})
        assert train(other, "image", reuse=True).reused

    def test_another_feature_set_with_the_same_content_will_do(self, make: MakeContext) -> None:
        context = make("image")
        prepare(context)
        first = train(context, "image")
        other = make("image", modalities={"image": {"transform": "l2"}})
        prepare(other)
        newer = prepare(make("image")).features["image"]
        again = train(make("image"), "image", reuse=True)
        assert (again.reused, again.encoder) == (True, first.encoder)
        made_from = context.catalog.get(first.encoder).manifest.made_from["features"]
        assert not newer.endswith(made_from)

    def test_a_damaged_encoder_is_not_taken(
        self, make: MakeContext, caplog: pytest.LogCaptureFixture
    ) -> None:
        context = make("image")
        prepare(context)
        first = train(context, "image")
        file = Path(first.encoder) / "encoder.safetensors"
        file.write_bytes(file.read_bytes()[:-1])
        again = train(make("image"), "image", reuse=True)
        assert not again.reused
        assert "cannot be used again" in caplog.text

    def test_an_encoder_whose_features_are_gone_is_not_taken(self, make: MakeContext) -> None:
        context = make("image")
        features = prepare(context).features["image"]
        train(context, "image")
        shutil.rmtree(features)
        other = make("image")
        prepare(other)
        assert not train(other, "image", reuse=True).reused
