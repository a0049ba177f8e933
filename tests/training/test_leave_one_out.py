"""Predictions of left-out samples are those of regressions that never saw them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from sdml.training.leave_one_out import Doubles, LeftOut, left_out, left_out_by_columns

RIDGES = (1e-4, 0.1, 2.0)


def by_kernel(rows_NX: Doubles, targets_NC: Doubles) -> LeftOut:
    return left_out(rows_NX @ rows_NX.T, targets_NC, RIDGES)


def by_columns(rows_NX: Doubles, targets_NC: Doubles) -> LeftOut:
    return left_out_by_columns(rows_NX, targets_NC, RIDGES)


@pytest.mark.parametrize("way", [by_kernel, by_columns])
@pytest.mark.parametrize("columns", [1, 4, 12, 15])
def test_of_regressions_without_the_sample(way: Callable[..., LeftOut], columns: int) -> None:
    rng = np.random.default_rng(columns)
    rows, targets = rng.standard_normal((12, columns)), rng.standard_normal((12, 3))
    for ridge, (dual, predicted) in zip(RIDGES, way(rows, targets), strict=True):
        eye = ridge * np.eye(columns)
        weights = np.linalg.solve(rows.T @ rows + eye, rows.T @ targets)
        np.testing.assert_allclose(rows.T @ dual, weights, atol=1e-8)
        for n in range(12):
            others, theirs = np.delete(rows, n, axis=0), np.delete(targets, n, axis=0)
            alone = np.linalg.solve(others.T @ others + eye, others.T @ theirs)
            np.testing.assert_allclose(predicted[n], rows[n] @ alone, rtol=1e-6, atol=1e-8)


def test_columns_that_say_nothing_new() -> None:
    rng = np.random.default_rng(0)
    rows, targets = rng.standard_normal((40, 6)), rng.standard_normal((40, 2))
    rows[:, 3] = 0
    rows[:, 4] = rows[:, 5] = 100 * rows[:, 0]
    for one, other in zip(by_kernel(rows, targets), by_columns(rows, targets), strict=True):
        np.testing.assert_allclose(one[0], other[0], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(one[1], other[1], rtol=1e-6, atol=1e-6)
