from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from sdml.retrieval.interval import deviations, interval, student_quantile, variance_of_mean


@pytest.mark.parametrize("freedom", [20, 29, 50, 99, 1000, 10_000_000])
def test_the_quantile_is_that_of_scipy(freedom: int) -> None:
    assert student_quantile(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), abs=1e-4)


def test_the_interval_is_scipys_without_a_finite_population() -> None:
    values = np.random.default_rng(0).beta(2, 3, size=50)
    every = np.ones(50, dtype=bool)
    variance = variance_of_mean(deviations(values, every), 10**12)
    found = interval(float(values.mean()), variance, 49)
    low, high = stats.t.interval(0.95, 49, loc=values.mean(), scale=stats.sem(values))
    assert [found.low, found.high] == pytest.approx([low, high], abs=1e-6)


def test_the_variance_is_exact_over_all_samples_of_a_small_population() -> None:
    """Cochran 2.20: the expected estimate is the true variance of the sample's mean."""
    from itertools import combinations

    population = np.array([0.1, 0.9, 0.4, 0.35, 0.7, 0.05])
    every = np.ones(3, dtype=bool)
    samples = [population[list(chosen)] for chosen in combinations(range(6), 3)]
    means = [values.mean() for values in samples]
    estimates = [variance_of_mean(deviations(values, every), 6) for values in samples]
    assert np.mean(estimates) == pytest.approx(np.var(means))


def test_a_whole_population_has_no_variance() -> None:
    values = np.array([0.0, 1.0, 0.5])
    assert variance_of_mean(deviations(values, np.ones(3, dtype=bool)), 3) == 0.0


def test_queries_that_do_not_count_move_nothing() -> None:
    values = np.array([0.2, 0.9, 0.6, 0.0])
    counted = np.array([True, False, True, False])
    moved = deviations(values, counted)
    assert moved[[1, 3]].tolist() == [0.0, 0.0]
    # By the delta method for total of values over number counted.
    mean = 0.4
    assert moved == pytest.approx([(0.2 - mean) / 0.5, 0, (0.6 - mean) / 0.5, 0])
    assert deviations(values, np.zeros(4, dtype=bool)).tolist() == [0.0] * 4


def test_an_interval_stays_where_a_share_can_be() -> None:
    found = interval(0.99, 1.0, 40)
    assert (found.low, found.high) == (0.0, 1.0)
    assert interval(0.5, 0.0, 1) == interval(0.5, 0.0, 100)
    assert math.isfinite(interval(0.5, 1e-6, 1).high)
