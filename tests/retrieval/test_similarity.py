from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.special import expit, softmax

from sdml.errors import DataError, SubspaceError, UserError
from sdml.retrieval.similarity import (
    cosine_representation,
    default_temperature,
    posterior_representation,
    projection_temperature,
)


def test_cosine_is_scipys() -> None:
    rng = np.random.default_rng(0)
    query, gallery = rng.normal(size=(7, 12)), rng.normal(size=(600, 12))
    inner = cosine_representation(query) @ cosine_representation(gallery).T
    np.testing.assert_allclose(inner, 1 - cdist(query, gallery, "cosine"), atol=1e-6)


@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1.0, 1e200])
def test_cosine_ignores_scale_and_guards_zero_rows(scale: float) -> None:
    rows = cosine_representation(scale * np.array([[3.0, 4.0], [0.0, 0.0]]))
    np.testing.assert_allclose(rows, [[0.6, 0.8], [0.0, 0.0]], atol=1e-7)


def test_posterior_is_the_softmax_of_scaled_logits() -> None:
    rng = np.random.default_rng(1)
    codes = rng.normal(size=(9, 8)).astype(np.float32)
    projection = np.linalg.qr(rng.normal(size=(8, 4)))[0]
    unit = codes / np.linalg.norm(codes.astype(float), axis=1, keepdims=True)
    made = posterior_representation(codes, projection, 3.0)
    np.testing.assert_allclose(made, softmax(3.0 * unit @ projection, axis=1), atol=1e-6)
    np.testing.assert_allclose(made.sum(axis=1), 1.0, atol=1e-6)


@pytest.mark.parametrize("classes", [2, 10, 80])
def test_an_ideal_code_has_the_posterior_of_the_rule(classes: int) -> None:
    projection = np.eye(100, classes)
    posterior = posterior_representation(projection.T, projection)
    np.testing.assert_allclose(posterior.diagonal(), 0.95, atol=1e-6)


@pytest.mark.parametrize("length", [0.5, 1.001, 5.2])
def test_learned_columns_have_their_temperature_in_them(length: float) -> None:
    rng = np.random.default_rng(0)
    codes, projection = rng.normal(size=(9, 8)), np.eye(8, 4) * [1, 1, 1, length]
    unit = codes / np.linalg.norm(codes, axis=1, keepdims=True)
    made = posterior_representation(codes, projection)
    np.testing.assert_allclose(made, softmax(unit @ projection, axis=1), atol=1e-6)
    assert projection_temperature(projection) == 1
    assert projection_temperature(np.eye(8, 4)) == default_temperature(4)


@pytest.mark.parametrize("temperature", [None, 9.0])
@pytest.mark.parametrize("length", [1.0, 5.2])
def test_of_several_labels_it_is_a_sigmoid_of_each_score(
    temperature: float | None, length: float
) -> None:
    rng = np.random.default_rng(2)
    codes, units = rng.normal(size=(300, 8)), np.linalg.qr(rng.normal(size=(8, 4)))[0]
    scores = (codes / np.linalg.norm(codes, axis=1, keepdims=True)) @ units
    made = posterior_representation(codes, units * [1, 1, 1, length], temperature, multi_label=True)
    np.testing.assert_allclose(
        made, expit((temperature or 2 * math.log(19)) * (scores - 0.5)) / 2, rtol=1e-5, atol=1e-7
    )
    assert np.linalg.norm(made, axis=1).max() <= 1


@pytest.mark.parametrize("classes", [2, 10, 80])
def test_of_several_labels_an_ideal_code_has_the_probabilities_of_the_rule(classes: int) -> None:
    projection = np.eye(100, classes)
    made = posterior_representation(projection.T, projection, multi_label=True) * classes**0.5
    expected = np.where(np.eye(classes), 0.95, 0.05)
    np.testing.assert_allclose(made, expected, atol=1e-6)


def test_one_class_is_certain() -> None:
    assert math.isfinite(default_temperature(1))
    assert posterior_representation(np.ones((2, 3)), np.eye(3, 1)).tolist() == [[1.0], [1.0]]


def test_an_extreme_temperature_stays_finite() -> None:
    made = posterior_representation(np.eye(2), np.eye(2), 1e6)
    assert made.tolist() == [[1.0, 0.0], [0.0, 1.0]]


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan, math.inf])
def test_a_temperature_must_be_positive(temperature: float) -> None:
    with pytest.raises(UserError, match="temperature"):
        posterior_representation(np.eye(2), np.eye(2), temperature)


def test_codes_that_are_not_finite_are_refused_by_row() -> None:
    codes = np.ones((600, 3))
    codes[513, 1] = np.nan
    with pytest.raises(DataError, match=r"image: .* row 513"):
        cosine_representation(codes, "image")


@pytest.mark.parametrize("codes", [np.ones((0, 3)), np.ones((3, 0)), np.ones(3), np.array([["a"]])])
def test_codes_must_be_a_filled_matrix_of_numbers(codes: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"codes must be|at least one code"):
        cosine_representation(codes)


@pytest.mark.parametrize(
    "projection", [np.eye(3), np.ones(2), np.ones((2, 0)), np.full((2, 1), np.nan)]
)
def test_the_projection_must_fit(projection: np.ndarray) -> None:
    with pytest.raises(SubspaceError, match="projection must"):
        posterior_representation(np.eye(2), projection)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_codes_of_cosines_must_be_finite(value: float, dtype: type) -> None:
    codes: np.ndarray = np.zeros((600, 3), dtype=dtype)
    codes[301, 1] = value
    with pytest.raises(DataError, match=r"gallery: codes must be finite; .* row 301:"):
        cosine_representation(codes, "gallery")


def test_large_finite_codes_are_finite() -> None:
    rows = cosine_representation(np.array([[3e38, -3e38]], dtype=np.float32))
    np.testing.assert_allclose(rows, [[0.5**0.5, -(0.5**0.5)]], rtol=1e-6)
