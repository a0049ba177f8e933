from __future__ import annotations

import itertools
import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from examples.multilabel import build as building
from examples.multilabel.build import SIZES, Size, build, main
from examples.multilabel.ceiling import average_precision, ceiling
from examples.multilabel.model import (
    draw_features,
    draw_labels,
    modality,
    posteriors,
    prevalences,
    relevance,
)
from sdml.errors import DataError

TINY = Size(
    classes=5,
    labels_an_item=1.5,
    samples=(40, 10, 30),
    features={"image": 48, "text": 37},
    queries=9,
)


def test_prevalences_fall_and_add_up() -> None:
    shares = prevalences(80, 2.9)
    assert shares.sum() == pytest.approx(2.9)
    assert (np.diff(shares) <= 0).all()
    assert shares[0] <= 0.5
    with pytest.raises(ValueError, match="between 0 and 2"):
        prevalences(4, 2.0)


def test_labels_have_the_prevalences_that_the_condition_gives() -> None:
    shares = prevalences(6, 1.2)
    labels = draw_labels(40_000, shares, np.random.default_rng(0))
    assert labels.any(axis=1).all()
    expected = shares / (1 - np.prod(1 - shares))
    np.testing.assert_allclose(labels.mean(axis=0), expected, atol=0.01)


def test_posteriors_are_those_of_every_label_set_weighed() -> None:
    """By enumeration: the density of the hidden numbers under each of the 2^C label sets."""
    rng = np.random.default_rng(3)
    shares = prevalences(4, 1.3)
    shown = modality(40, 1.5, 4, rng)
    labels = draw_labels(25, shares, rng)
    features = draw_features(labels, shown, rng)
    hidden = np.where(features < 0, features / 0.2, features) @ shown.turned
    sets = np.array(list(itertools.product((0, 1), repeat=4)))
    weights = np.prod(np.where(sets, shares, 1 - shares), axis=1) * np.exp(
        -0.5 * ((hidden[:, None, :4] - 1.5 * sets) ** 2).sum(axis=2)
    )
    expected = (weights / weights.sum(axis=1, keepdims=True)) @ sets
    np.testing.assert_allclose(posteriors(features, shown, shares), expected, atol=1e-4)


def test_relevance_is_that_of_every_pair_of_label_sets_weighed() -> None:
    rng = np.random.default_rng(5)
    query, gallery = rng.random(3), rng.random((7, 3))
    sets = np.array(list(itertools.product((0, 1), repeat=3)))[1:]  # one class is present

    def weigh(p: np.ndarray) -> np.ndarray:
        weights = np.prod(np.where(sets, p, 1 - p), axis=1)
        return np.asarray(weights / weights.sum())

    share = (sets @ sets.T) > 0
    expected = [weigh(query) @ share @ weigh(other) for other in gallery]
    scaled = relevance(query, gallery) / -np.expm1(np.log1p(-query).sum())
    np.testing.assert_allclose(scaled, expected)


def test_average_precision_is_scikit_learns() -> None:
    rng = np.random.default_rng(7)
    scores, relevant = rng.random(50), rng.random(50) < 0.3
    expected = average_precision_score(relevant, scores)
    assert average_precision(scores, relevant) == pytest.approx(expected)


def test_no_ranking_beats_the_ceiling() -> None:
    rng = np.random.default_rng(11)
    shares = prevalences(8, 1.6)
    labels = draw_labels(500, shares, rng)
    known = {
        name: posteriors(draw_features(labels, shown, rng), shown, shares)
        for name, shown in (("a", modality(60, 1.5, 8, rng)), ("b", modality(50, 2.0, 8, rng)))
    }
    best = ceiling(known, labels, queries=500, seed=0)
    for query, gallery in (("a", "b"), ("b", "a")):
        for others in (lambda p: p, np.sqrt, lambda p: p / np.linalg.norm(p, axis=1)[:, None]):
            scores = others(known[query]) @ others(known[gallery]).T
            relevant = (labels @ labels.T) > 0
            reached = np.mean([average_precision_score(*row) for row in zip(relevant, scores)])  # noqa: B905
            assert reached < best[f"{query} to {gallery}"]


def test_the_build_is_seeded_and_complete(tmp_path: Path) -> None:
    reached = build(tmp_path / "one", TINY, seed=4)
    assert build(tmp_path / "two", TINY, seed=4) == reached
    assert build(tmp_path / "three", TINY, seed=5) != reached
    told = json.loads((tmp_path / "one/build.json").read_text())
    assert told["ceiling"] == reached
    with h5py.File(tmp_path / "one/image.h5") as image, h5py.File(tmp_path / "one/text.h5") as text:
        assert image["X"].shape == (80, 48)
        assert text["X"].shape == (80, 37)
        assert np.array_equal(image["y"][...], text["y"][...])
        assert np.bincount(image["split"][...]).tolist() == [40, 10, 30]
    for name in ("image.h5", "text.h5"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_blocks_do_not_change_a_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = build(tmp_path / "whole", TINY, seed=1)
    monkeypatch.setattr(building, "_BLOCK", 7)
    assert build(tmp_path / "pieces", TINY, seed=1) == pytest.approx(whole)


def test_a_folder_of_somebody_else_is_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(DataError, match=r"holds no build\.json"):
        build(tmp_path, TINY)
    assert main(["--output", str(tmp_path)]) == 2
    assert (tmp_path / "mine").read_text() == "x"


def test_the_large_size_is_that_of_the_paper() -> None:
    coco = SIZES["coco"]
    assert coco.samples == (82_081, 10_000, 30_137)
    assert (coco.classes, dict(coco.features)) == (80, {"image": 4096, "text": 300})
