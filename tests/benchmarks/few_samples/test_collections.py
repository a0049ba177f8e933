"""Small collections: sizes, no sample in two parts, and that a seed decides them."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from benchmarks.few_samples.all_collections import collection
from benchmarks.few_samples.collection import PARTS, SmallCollection
from sdml.errors import UserError


def rows_of(small: SmallCollection, modality: str, part: str) -> set[bytes]:
    return {row.tobytes() for row in small.modalities[modality][part].features_ND}  # type: ignore[index]


@pytest.mark.parametrize("name", ["lifted-20", "articles-20", "media-40", "tumours-40"])
def test_parts(name: str, tmp_path: Path) -> None:
    small = collection(name, 0, tmp_path)
    per_class = int(name.rpartition("-")[2])
    for modality, parts in small.modalities.items():
        assert set(parts) == set(PARTS)
        assert (np.bincount(parts["train"].labels) == per_class).all()
        assert (np.bincount(parts["validation"].labels) == max(4, per_class // 4)).all()
        for one, other in combinations(PARTS, 2):
            assert not rows_of(small, modality, one) & rows_of(small, modality, other)
        for samples in parts.values():
            assert samples.features_ND.dtype == np.float32
            assert np.isfinite(samples.features_ND).all()


@pytest.mark.parametrize(("name", "most"), [("iris-20", 20), ("wine-80", 19)])
def test_small_tables_are_standardised_by_their_training_samples(
    name: str, most: int, tmp_path: Path
) -> None:
    small = collection(name, 0, tmp_path)
    for parts in small.modalities.values():
        assert (np.bincount(parts["train"].labels) == most).all()
        assert len(np.unique(parts["test"].labels)) == small.classes == 3
        np.testing.assert_allclose(parts["train"].features_ND.mean(0), 0, atol=1e-5)
        np.testing.assert_allclose(parts["train"].features_ND.std(0), 1, rtol=1e-5)


def test_forms_of_deep_features(tmp_path: Path) -> None:
    small = collection("media-20", 1, tmp_path)
    image, text, audio = (
        small.modalities[name]["train"].features_ND for name in ("image", "text", "audio")
    )
    assert (image.shape[1], text.shape[1]) == (4096, 300)
    assert 0.6 < (image == 0).mean() < 0.9
    assert 25 < np.linalg.norm(image, axis=1).mean() < 45
    assert (text != 0).all()
    np.testing.assert_allclose(np.linalg.norm(audio, axis=1), 1, rtol=1e-5)


def test_a_seed_decides(tmp_path: Path) -> None:
    one, again, other = (
        collection.__wrapped__("articles-20", seed, tmp_path) for seed in (0, 0, 1)
    )
    first, second, third = (c.modalities["text"]["train"].features_ND for c in (one, again, other))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, third)


@pytest.mark.parametrize("name", ["articles", "articles-x", "other-20"])
def test_unknown(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="FAMILY-COUNT"):
        collection(name, 0, tmp_path)


def test_real_ones(real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDML_DATA", str(real_data))
    small = collection("wikipedia_svcl-20", 0, tmp_path)
    assert small.classes == 10
    assert set(small.modalities) == {"image", "text", "text_tfidf"}
    train = small.modalities["image"]["train"].features_ND
    assert len(train) == 200
    np.testing.assert_allclose(train.mean(0), 0, atol=1e-5)  # standardised on these alone
    assert len(small.modalities["image"]["test"].labels) == 462
