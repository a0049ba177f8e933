"""The classifier is the one of the other benchmark, and sorts out classes that a modality lacks."""

from __future__ import annotations

import numpy as np

from benchmarks.peers.classifier import Classifier
from benchmarks.peers.views import Views
from benchmarks.quality import classify
from sdml.features import Split
from tests.benchmarks.peers.easy import CLASSES, easy_views


def test_it_gives_the_posteriors_of_the_quality_benchmark() -> None:
    train, validation, test = (easy_views(seed=seed) for seed in range(3))
    made = Classifier().fit(train, validation, CLASSES, seed=0)
    for name in train.modalities:
        splits = {
            key: Split(features_ND=part.features[name], labels=part.labels[name])
            for key, part in (("train", train), ("validation", validation), ("test", test))
        }
        np.testing.assert_array_equal(made.embed(name, test.features[name]), classify(splits))


def test_a_class_without_training_samples_has_no_probability() -> None:
    train = easy_views()
    kept = train.labels["image"] != 1
    lacking = Views(
        features={**train.features, "image": train.features["image"][kept]},
        labels={**train.labels, "image": train.labels["image"][kept]},
    )
    made = Classifier().fit(lacking, easy_views(seed=1), CLASSES, seed=0)
    posterior = made.embed("image", train.features["image"])
    assert posterior.shape[1] == CLASSES
    assert not posterior[:, 1].any()
    np.testing.assert_allclose(posterior.sum(axis=1), 1, rtol=1e-5)
