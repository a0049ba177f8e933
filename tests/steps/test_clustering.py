from __future__ import annotations

import builtins
import sys
from typing import Any

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from sdml.report import Clustering
from sdml.steps import clustering as module
from sdml.steps.clustering import clustering

Data = dict[str, tuple[Any, Any]]


def world(noise: float, sizes: tuple[int, ...] = (60, 40)) -> Data:
    rng = np.random.default_rng(0)
    centres = np.linalg.qr(rng.normal(size=(8, 4)))[0].T
    data: Data = {}
    for name, items in zip("abc", sizes, strict=False):
        labels = np.arange(items) % 4
        codes = 3 * centres[labels] + noise * rng.normal(size=(items, 8))
        data[name] = (codes.astype(np.float32), labels)
    return data


def test_separate_classes_agree_and_noise_does_not() -> None:
    found = clustering(world(0.01))
    assert found == Clustering(clusters=4, items=100, ami=1.0, nmi=1.0, ari=1.0)
    rng = np.random.default_rng(1)
    noise = {"a": (rng.normal(size=(400, 8)).astype(np.float32), rng.integers(0, 4, 400))}
    lost = clustering(noise)
    assert isinstance(lost, Clustering)
    assert abs(lost.ari) < 0.05
    assert abs(lost.ami) < 0.05


def test_it_is_k_means_on_unit_codes_of_all_modalities() -> None:
    data = world(1.5)
    codes = np.concatenate([codes for codes, _ in data.values()])
    labels = np.concatenate([labels for _, labels in data.values()])
    unit = codes / np.linalg.norm(codes, axis=1, keepdims=True)
    clusters = KMeans(4, n_init=10, random_state=0).fit_predict(unit)
    found = clustering(data)
    assert isinstance(found, Clustering)
    assert found.ari == pytest.approx(adjusted_rand_score(labels, clusters), abs=0.02)
    assert 0.1 < found.ari < 0.95
    assert clustering(data) == found


def test_unlabelled_items_are_left_out() -> None:
    data = world(0.01)
    codes, labels = data["a"]
    data["a"] = (codes, np.where(np.arange(len(labels)) < 10, -1, labels))
    found = clustering(data)
    assert isinstance(found, Clustering)
    assert (found.items, found.ari) == (90, 1.0)


def test_of_many_items_some_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ITEMS", 30)
    found = clustering(world(0.01))
    assert isinstance(found, Clustering)
    assert (found.items, found.ari) == (30, 1.0)


def test_what_cannot_be_clustered_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    eye = np.eye(4, dtype=np.float32)
    assert "several classes" in str(clustering({"a": (eye, np.eye(4, dtype=np.uint8))}))
    assert "cannot form" in str(clustering({"a": (np.ones_like(eye), np.arange(4))}))
    assert "cannot form" in str(clustering({"a": (eye, np.full(4, -1))}))
    really = builtins.__import__

    def without(name: str, *given: Any, **more: Any) -> Any:
        if name.startswith("sklearn"):
            raise ImportError(name)
        return really(name, *given, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.delitem(sys.modules, "sklearn.cluster")
    assert "sdml[extract]" in str(clustering(world(0.01)))
