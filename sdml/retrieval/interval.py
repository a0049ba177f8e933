"""The 95 % confidence interval of a mean over a simple random sample without replacement.

Cochran, Sampling Techniques, 3rd edition: the variance of a sample's mean is (1 - n/N) s²/n (2.20),
that of a mean over a part of the sample (queries that count) follows from the deviations from
that mean (2.62, a ratio). Student's quantile, by the expansion of Abramowitz and Stegun 26.7.5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

LEAST = 30  # queries; below that AP is not nearly enough normal in the mean
_NORMAL = 1.959963984540054  # 0.975 quantile


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Where the figure over all queries lies, with 95 % confidence, within 0 … 1."""

    low: float
    high: float


def student_quantile(freedom: int) -> float:
    """The 0.975 quantile of Student's t, to 1e-4 from 20 degrees of freedom on.

    >>> round(student_quantile(29), 3)
    2.045
    """
    z, v = _NORMAL, float(freedom)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / v + second / v**2 + third / v**3


def deviations(values_Q: np.ndarray, counted_Q: np.ndarray) -> np.ndarray:
    """By how much each sampled query moves the mean over the counted ones: float64 (Q,), sum 0.

    Their variance is that of the mean, times the size of the sample. All zero if none is counted.
    """
    counted = int(np.count_nonzero(counted_Q))
    if not counted:
        return np.zeros(len(values_Q))
    mean = float(values_Q[counted_Q].sum()) / counted
    return np.where(counted_Q, values_Q - mean, 0.0) * (len(values_Q) / counted)


def variance_of_mean(deviations_Q: np.ndarray, population: int) -> float:
    """(1 - n/N) s²/n of a sample of n = Q of N; 0 if it is all of them."""
    sampled = len(deviations_Q)
    if sampled >= population:
        return 0.0
    # The deviations have mean zero, but for rounding.
    spread = float(np.vdot(deviations_Q, deviations_Q)) / (sampled - 1)
    return (1 - sampled / population) * spread / sampled


def interval(estimate: float, variance: float, freedom: int) -> Interval:
    """The estimate and Student's quantile of standard errors to either side."""
    reach = student_quantile(freedom) * math.sqrt(variance)
    return Interval(low=max(0.0, estimate - reach), high=min(1.0, estimate + reach))
