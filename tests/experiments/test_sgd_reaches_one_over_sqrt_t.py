"""The committed numbers of `sgd_reaches_one_over_sqrt_t` against expectations in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest

from convlab.core.trace import Trace
from tests.experiments.committed import traces_of

NAME = "sgd_reaches_one_over_sqrt_t"


def noisy_parabola(T: int) -> float:
    """E gap of the average of θ_0 … θ_{T−1}: curvature λ = 1.8/√T, noise 1, η = 1/√(2T), θ_0 = 1, r = 1 − ηλ."""
    curvature, eta = 1.8 / math.sqrt(T), 1 / math.sqrt(2 * T)
    r = 1 - eta * curvature
    bias = (1 - r**T) / ((1 - r) * T)
    noise = sum((eta * (1 - r ** (T - 1 - k)) / ((1 - r) * T)) ** 2 for k in range(T - 1))
    return curvature / 2 * (bias**2 + noise)


def slope(horizons: list[int], values: list[float]) -> float:
    return float(np.polyfit(np.log(horizons), np.log(values), 1)[0])


def final(trace: Trace, output: str) -> np.ndarray:
    return np.asarray(trace.measured[output]["gap"][:, -1])


def test_the_noisy_parabola_has_its_exact_expectation_at_every_horizon() -> None:
    traces = traces_of(NAME, problem="quadratic")
    assert [trace.setting.horizon for trace in traces] == [10, 100, 1_000, 10_000, 100_000]
    for trace in traces:
        gaps, exact = final(trace, "average"), noisy_parabola(trace.setting.horizon)
        error = gaps.std(ddof=1) / math.sqrt(len(gaps))
        assert abs(gaps.mean() - exact) < 4 * error
        assert error < 0.15 * exact


def test_the_exact_expectation_attains_the_rate() -> None:
    """1/√T with a constant: the ratio of neighbouring horizons tends to √10."""
    values = [noisy_parabola(T) * math.sqrt(T) for T in (1_000, 10_000, 100_000)]
    assert values == pytest.approx([values[-1]] * 3, rel=0.02)


def test_the_last_iterate_on_the_absolute_value_falls_like_one_over_root_t() -> None:
    traces = traces_of(NAME, problem="absolute")
    horizons = [trace.setting.horizon for trace in traces]
    means = [float(final(trace, "last").mean()) for trace in traces]
    assert slope(horizons, means) == pytest.approx(-0.5, abs=0.05)
    for trace, mean in zip(traces[1:], means[1:], strict=True):
        eta = 0.5 / math.sqrt(trace.setting.horizon)
        assert mean == pytest.approx(eta * (1 + 0.5**2) / 2, rel=0.25)  # stationary: η(G² + σ²)/2


def test_logistic_regression_leaves_the_cap_of_its_step() -> None:
    steps = {
        t.setting.horizon: t.setting.step_size() * 4 * t.setting["L_max"] for t in traces_of(NAME, problem="logistic")
    }
    assert steps[10] == steps[100] == pytest.approx(1.0)
    assert steps[1_000] < 1
    assert steps[100_000] < 0.1


def test_single_steps_go_up_although_the_mean_falls() -> None:
    """Once it hovers, G|θ| goes up about as often as down."""
    (trace,) = traces_of(NAME, problem="absolute", horizon=100_000)
    gaps = trace.measured["last"]["gap"]
    pairs = np.flatnonzero((np.diff(trace.t) == 1) & (trace.t[:-1] > 1_000))
    assert len(pairs) >= 3
    up = np.mean([gaps[:, k + 1] > gaps[:, k] for k in pairs])
    assert 0.3 < up < 0.7
