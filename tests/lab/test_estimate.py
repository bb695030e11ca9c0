"""The estimator of rates on curves whose law is known: exact sums, closed forms, and what has no rate at all."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

from convlab.core.errors import ConvlabError
from convlab.core.verdict import (
    CONSTANT,
    GEOMETRIC,
    GEOMETRIC_FLOOR,
    GEOMETRIC_POWER,
    POWER,
    POWER_FLOOR,
    SUPERLINEAR,
    Slope,
)
from convlab.lab.rates import NoRateError, estimate

GRID = np.unique(np.geomspace(1, 10_000, 60).round())
STEPS = np.arange(1.0, 401.0)


def holds(slope: Slope, exponent: float) -> bool:
    return slope.low <= exponent <= slope.high


# --- power-law least squares: the exact sum, the exact exponent ---


def sum_over_the_spectrum(alpha: float, beta: float, dimension: int, t: np.ndarray) -> np.ndarray:
    """½ Σ i^(−α−β) (1 − i^(−α))^(2T), term by term."""
    i = np.arange(2.0, dimension + 1)  # the first term is 0 from T = 1 on
    weight, log_factor = i ** (-alpha - beta), np.log1p(-(i**-alpha))
    return np.array([0.5 * np.sum(weight * np.exp(2 * T * log_factor)) for T in t])


def test_the_sum_is_right() -> None:
    with mpmath.workdps(60):
        exact = sum(
            mpmath.mpf(i) ** -3 * (1 - mpmath.mpf(i) ** mpmath.mpf("-1.5")) ** 200 for i in range(2, 301)
        ) / 2  # fmt: skip
    assert sum_over_the_spectrum(1.5, 1.5, 300, np.array([100.0]))[0] == pytest.approx(float(exact), rel=1e-12)


@pytest.mark.parametrize("alpha", [1.25, 1.5, 2.0, 3.0])
@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize(("dimension", "horizon"), [(20_000, 3_000), (300, 3_000), (1_000, 100_000)])
def test_the_exponent_of_power_law_least_squares(alpha: float, beta: float, dimension: int, horizon: int) -> None:
    """s = (α + β − 1)/α lies in the interval, or no law is claimed, which is so only where T passes d^α/10 at s < 0.7.

    The interval is narrow: 4 % of s where T << d^α, and never wider than 0.45.
    """
    s = (alpha + beta - 1) / alpha
    t = np.unique(np.geomspace(1, horizon, 60).round())
    slope = estimate(t, sum_over_the_spectrum(alpha, beta, dimension, t), kind="power")
    crossed = horizon / dimension**alpha
    if not slope.a_law:
        assert crossed > 0.1
        assert s < 0.7
        return
    assert holds(slope, -s)
    assert slope.high - slope.low < 0.45
    assert slope.begins == "transient"
    if crossed < 1e-6:
        assert slope.high - slope.low < 0.04 * s
        assert (slope.window[1], slope.ends, slope.law) == (horizon, "", POWER)
    if crossed > 0.5:
        assert slope.window[1] < dimension**alpha / 5
        assert slope.ends in ("crossover to geometric", "faster decay")


# --- closed forms, with parameters that are drawn once and for all ---


def drawn(law: str, key: int) -> tuple[np.ndarray, np.ndarray, float]:
    """t, values and the exponent (the rate per step, the order) of a law with random parameters."""
    draw = np.random.default_rng(key)
    t = np.unique(np.geomspace(1, 10 ** draw.uniform(3, 5.5), 60).round())
    p, steps = draw.uniform(0.5, 2.5), np.unique(np.linspace(1, 10 ** draw.uniform(2, 4), 60).round())
    rate = draw.uniform(10, 200) / steps[-1]
    if law == "a transient":
        return t, t**-p * (1 + draw.uniform(-0.7, 3) * t ** -draw.uniform(0.5, 2)), -p
    if law == "a shift":
        return t, (t + 10 ** draw.uniform(-1, 1.5)) ** -p, -p
    if law == "a plateau":
        return t, t**-p + 10 ** (-p * draw.uniform(1.5, 3)), -p
    if law == "a log factor":
        return t, t**-p * (draw.uniform(0.2, 3) + np.log(t)), -p
    if law == "an oscillation":
        return t, t**-p * (1 + draw.uniform(0.3, 1) * np.cos(draw.uniform(0.05, 2) * t + draw.uniform(0, 6))), -p
    if law == "two modes":
        return steps, np.exp(-rate * steps) * (1 + 5 * np.exp(-rate * draw.uniform(0.3, 3) * steps)), -rate
    if law == "a power of t":
        return steps, steps ** draw.choice([1, 2]) * np.exp(-rate * steps), -rate
    e, q, c = [10 ** draw.uniform(-1.5, -0.7)], draw.uniform(1.4, 3), draw.uniform(0.2, 1.5)
    while e[-1] ** q > 1e-280 and len(e) < 12:
        e.append(c * e[-1] ** q)
    return np.arange(1.0, len(e) + 1), np.array(e), q


@pytest.mark.parametrize(
    ("law", "kind", "missed", "refused", "width"),
    [
        ("a transient", "power", 0, 0, 0.02),
        ("a shift", "power", 0, 0, 0.02),
        ("a plateau", "power", 0, 3, 0.03),
        ("a log factor", "power", 1, 0, 0.2),
        ("an oscillation", "power", 1, 3, 0.4),
        ("two modes", None, 0, 0, 0.02),
        ("a power of t", None, 0, 0, 0.02),
        ("an order", None, 0, 0, 1e-6),
    ],
)
def test_the_interval_covers_the_exponent(law: str, kind: str | None, missed: int, refused: int, width: float) -> None:
    """Of 40 curves of each law; the median width is relative to the exponent."""
    found = []
    for key in range(40):
        t, values, exponent = drawn(law, key)
        try:
            slope = estimate(t, values, kind=kind)  # type: ignore[arg-type]
        except NoRateError:
            continue
        if slope.a_law:
            found.append((holds(slope, exponent), (slope.high - slope.low) / abs(exponent)))
    assert len(found) >= 40 - refused
    assert sum(not held for held, _ in found) <= missed
    assert np.median([wide for _, wide in found]) < width


def test_the_interval_of_a_random_curve_covers_the_exponent() -> None:
    """Gaussian squares, correlated over an octave, 32 seeds: at most three of 40 miss, as 95 % promises."""
    missed = 0
    for key in range(40):
        draw = np.random.default_rng(key)
        p, noise = draw.uniform(0.4, 1.5), np.zeros((32, GRID.size))
        noise[:, 0] = draw.standard_normal(32)
        for k in range(1, GRID.size):
            a = (GRID[k - 1] / GRID[k]) ** 1.4
            noise[:, k] = a * noise[:, k - 1] + math.sqrt(1 - a * a) * draw.standard_normal(32)
        slope = estimate(GRID, noise**2 * GRID**-p, kind="power")
        assert slope.seeds == 32
        missed += not holds(slope, -p)
    assert missed <= 3


# --- which law ---


@pytest.mark.parametrize(
    ("t", "values", "model", "rate"),
    [
        (STEPS, 0.9**STEPS, GEOMETRIC, math.log(0.9)),
        (STEPS, 0.9**STEPS + 1e-8, GEOMETRIC_FLOOR, math.log(0.9)),
        (STEPS, STEPS * 0.9**STEPS, GEOMETRIC_POWER, math.log(0.9)),
        (STEPS[:24], (2 / 3) ** (4 * STEPS[:24]), GEOMETRIC, 4 * math.log(2 / 3)),  # Newton on |x|⁴
        (STEPS[:7], 0.3**2 ** STEPS[:7], SUPERLINEAR, 2.0),
        (GRID, GRID**-1.0, POWER, -1.0),
        (GRID, GRID**-1.0 + 1e-3, POWER_FLOOR, -1.0),
        (GRID, 1 / (4 * GRID + 2), POWER, -1.0),
        (GRID, np.ones(GRID.size), CONSTANT, 0.0),
    ],
    ids=["geometric", "its floor", "T rho^T", "degenerate", "order 2", "power", "plateau", "4T+2", "constant"],
)
def test_each_law_is_named(t: np.ndarray, values: np.ndarray, model: str, rate: float) -> None:
    slope = estimate(t, values)
    assert (slope.model, slope.candidates) == (model, ())
    assert holds(slope, rate)
    assert slope.high - slope.low <= 0.02 * abs(rate)


def test_where_two_laws_follow_one_another_the_end_names_the_other() -> None:
    """Ten eigenvalues over three decades: 1/t until the last one is alone, then (1 − μ/L)^(2t)."""
    t = np.unique(np.geomspace(1, 20_000, 60).round())
    eigenvalues = np.geomspace(1e-3, 1, 10)
    gap = np.sum(eigenvalues * (1 - eigenvalues) ** (2 * t[:, None]), axis=1)
    slope = estimate(t, gap)
    assert (slope.kind, slope.model) == ("linear", GEOMETRIC)
    assert holds(slope, 2 * math.log1p(-1e-3))
    assert slope.begins.startswith("power law to")
    power = estimate(t, gap, kind="power")
    assert power.ends == "crossover to geometric"
    assert holds(power, -1.0)


def test_a_plateau_is_left_out_and_named() -> None:
    slope = estimate(GRID, GRID**-1.0 + 1e-3)
    assert slope.ends == "plateau"
    assert slope.window[1] <= 100
    linear = estimate(STEPS, 0.9**STEPS + 1e-8)
    assert linear.ends == "plateau"
    assert linear.window[1] <= 175  # where 0.9^t is the plateau
    noise = np.random.default_rng(2).standard_normal((256, GRID.size)) ** 2
    random = estimate(GRID, noise * (1 / GRID + 1e-2), kind="power")
    assert random.window[1] <= 200
    assert holds(random, -1.0)


def test_an_oscillation_is_read_from_its_peaks_and_says_so() -> None:
    slope = estimate(STEPS, np.cos(0.3 * STEPS) ** 2 * 0.95**STEPS)
    assert slope.envelope
    assert "upper envelope" in slope.excluded
    assert holds(slope, math.log(0.95))
    assert slope.high - slope.low < 0.01
    assert not estimate(STEPS, 0.95**STEPS).envelope


# --- what has no rate ---


def test_noise_alone_has_no_rate() -> None:
    draw = np.random.default_rng(0)
    with pytest.raises(NoRateError, match="neither a power law nor geometric decay"):
        estimate(GRID, np.exp(draw.standard_normal(GRID.size)))
    seeds = estimate(GRID, np.exp(draw.standard_normal((64, GRID.size))))
    assert seeds.model == CONSTANT
    assert holds(seeds, 0.0)


def test_few_points_have_no_rate() -> None:
    with pytest.raises(NoRateError, match="3 clean points, and a rate needs five over three octaves"):
        estimate([1, 2, 3], [1, 0.5, 0.3])
    with pytest.raises(NoRateError, match="three steps that shrink it tenfold"):
        estimate([1, 2, 3], [1, 0.5, 0.3], kind="order")
    with pytest.raises(NoRateError, match="no rate: 2 clean points"):
        estimate(GRID, np.where(GRID < 3, 1 / GRID, 1e-20), floor=1e-15)


def test_mistakes_are_told_in_one_line() -> None:
    for arguments, words in (
        (([1, 2, 3], [1, 2]), r"values \(2,\) at steps t \(3,\)"),
        (([1, 3, 2], [1, 2, 3]), "t must be finite and increase"),
        (([1, 2, 3], [1, -2, 3]), "values must not be negative"),
    ):
        with pytest.raises(ConvlabError, match=words):
            estimate(*arguments)
