"""Means over seeds with their confidence limits, and exponents fitted on log-log axes with their intervals."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_LOG_LARGEST = 705.0  # e^705 is finite in float64, and stays so when an axis adds its margin
_FEWEST = 3  # points of a fit; fewer give no exponent rather than an invented one
_DRAWS = 400  # resamples of the seeds


def statistics(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean over seeds [K] and the limits of its 95 % confidence interval, from [S, K].

    The interval is Student's for log(mean), by the delta method: mean·exp(± t₀.₉₇₅(S−1)·s/(mean·√S)). So it stays
    positive, and it is symmetric on the axis that it is drawn on. One seed, or a mean that is not positive, has none.
    """
    values = np.asarray(values, dtype=float)
    seeds = values.shape[0]
    finite = np.isfinite(values).all(axis=0)
    values = np.where(finite, values, np.nan)
    scale = np.where(finite, np.abs(values).max(axis=0), 1.0)  # so that no sum or square overflows or underflows
    scale = np.where(scale > 0, scale, 1.0)
    unit = values / scale
    mean = unit.mean(axis=0)
    if seeds == 1:
        return mean * scale, mean * scale, mean * scale
    positive = mean > 0
    error = np.where(positive, unit.std(axis=0, ddof=1) / np.sqrt(seeds) / np.where(positive, mean, 1.0), 0.0)
    log_mean = np.log(np.where(positive, mean, 1.0)) + np.log(scale)
    low, high = (
        np.exp(np.clip(log_mean + sign * student(seeds - 1) * error, -_LOG_LARGEST, _LOG_LARGEST)) for sign in (-1, 1)
    )
    return mean * scale, np.where(positive, low, mean * scale), np.where(positive, high, mean * scale)


def student(freedom: int) -> float:
    """The 0.975 quantile of Student's t (Abramowitz and Stegun 26.7.5; closed forms below three degrees of freedom).

    >>> round(student(9), 3)
    2.262
    """
    if freedom == 1:
        return math.tan(0.475 * math.pi)
    if freedom == 2:
        return 0.95 * math.sqrt(2 / (1 - 0.95 * 0.95))
    z: float = 1.959963984540054
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + float(sum(term / freedom ** (k + 1) for k, term in enumerate(terms)))


@dataclass(frozen=True)
class Exponent:
    """The p of y ~ x^p with an interval."""

    value: float
    low: float
    high: float

    def inverse(self) -> Exponent:
        """The exponent of x ~ y^(1/p); without an interval that holds 0 it is the interval of inverses."""
        ends = (1 / self.low, 1 / self.high) if self.low * self.high > 0 else (-math.inf, math.inf)
        return Exponent(1 / self.value, min(ends), max(ends))

    def __str__(self) -> str:
        low, high = (f"{end:.2f}".replace("-", "−") for end in (self.low, self.high))
        return f"{self.value:.2f} [{low}, {high}]".replace("-", "−")


def exponent(x: np.ndarray, values: Sequence[np.ndarray]) -> Exponent | None:
    """The least-squares slope of log(mean of values[k] over seeds) on log x[k]; None for fewer than three points.

    Its interval: of random values, 95 % of the slopes when seeds are drawn anew with replacement (a fixed generator);
    of deterministic ones, whose residuals are no noise, the slopes over all windows of half of the points at least.
    """
    order = np.argsort(x, kind="stable")
    logs, values = np.log(np.asarray(x, dtype=float)[order]), [np.asarray(values[k], dtype=float) for k in order]
    if len(logs) < _FEWEST or np.ptp(logs) <= 0:
        return None
    y = np.log([float(v.mean()) for v in values])
    value = _slope(logs, y)
    least = min(v.size for v in values)
    if least > 1 and any(np.ptp(v) > 0 for v in values):
        generator = np.random.Generator(np.random.PCG64(0))
        drawn = [[generator.choice(v, v.size).mean() for v in values] for _ in range(_DRAWS)]
        slopes = [_slope(logs, row) for row in np.log(drawn) if np.isfinite(row).all()]
        low, high = (float(q) for q in np.quantile(slopes, (0.025, 0.975)))
    else:
        spans = itertools.combinations(range(len(logs) + 1), 2)
        half = (len(logs) + 1) // 2
        slopes = [_slope(logs[i:j], y[i:j]) for i, j in spans if j - i >= half and np.ptp(logs[i:j]) > 0]
        low, high = min(slopes), max(slopes)
    return Exponent(value, min(low, value), max(high, value))


def _slope(x: np.ndarray, y: np.ndarray) -> float:
    centred = x - x.mean()
    return float(centred @ y / (centred @ centred))
