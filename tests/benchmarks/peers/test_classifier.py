"""The classifier is the one of the other benchmark, and sorts out classes that a modality lacks."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression

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


def test_of_several_labels_each_class_has_a_probability_of_its_own() -> None:
    train, other = (easy_views(seed=seed, multi_label=True) for seed in range(2))
    hot_NC = train.labels["image"].astype(int)
    hot_NC[:, 0], hot_NC[:, 1] = 1, 0  # everybody's and nobody's
    given = Views(features=train.features, labels={**train.labels, "image": hot_NC})
    given = Views(features=train.features, labels={**train.labels, "image": hot_NC})
    made = Classifier().quick().fit(given, other, CLASSES, seed=0)
    rows_NC = made.embed("image", other.features["image"])
    assert (rows_NC[:, 0] == 1).all()
    assert not rows_NC[:, 1].any()
    for number in range(2, CLASSES):
        model = LogisticRegression(C=1.0, max_iter=3000, random_state=0)
        model.fit(train.features["image"], hot_NC[:, number])
        expected_N = model.predict_proba(other.features["image"])[:, 1]
        np.testing.assert_allclose(rows_NC[:, number], expected_N, atol=1e-5)
