"""Measured rates: known slopes come back, with honest intervals, from clean points only."""

from __future__ import annotations

import math

import numpy as np
import pytest
from toys import newton_of, setting_of, theorem_of, trace_of

from convlab.core.theorem import Rate
from convlab.core.verdict import POWER, POWER_LOG
from convlab.lab.rates import measured_rate

GRID = np.unique(np.geomspace(1, 10_000, 60).round().astype(int))
LINEAR = Rate("linear", lambda setting: math.log(0.9), "0.9^T")


def test_a_power_law() -> None:
    slope, claimed = measured_rate(theorem_of(), [trace_of(GRID, 0.3 * GRID**-1.7)], "trajectory")
    assert claimed == -1
    assert slope is not None
    assert (slope.kind, slope.against) == ("power", "t")
    assert slope.value == pytest.approx(-1.7)
    assert slope.low <= slope.value <= slope.high
    assert slope.high - slope.low < 1e-9
    assert slope.window == (1, 10_000)  # nothing to leave out
    assert (slope.model, slope.candidates, slope.begins, slope.ends) == (POWER, (), "", "")


def test_a_log_factor_is_told_from_a_power_over_four_decades_and_not_over_one() -> None:
    values = (2 + np.log(GRID)) / np.sqrt(GRID)
    slope, _ = measured_rate(theorem_of(), [trace_of(GRID, values)], "trajectory")
    assert slope is not None
    assert (slope.model, slope.candidates) == (POWER_LOG, ())
    assert slope.value == pytest.approx(-0.5, abs=1e-9)
    late = GRID >= 1000
    slope, _ = measured_rate(theorem_of(), [trace_of(GRID[late], values[late])], "trajectory")
    assert slope is not None
    assert slope.candidates == (POWER_LOG,)
    assert slope.law.startswith("not distinguishable")
    assert -0.45 < slope.value < -0.35  # a logarithm masquerades as an exponent
    assert slope.low < -0.499


def test_the_floor_is_kept_out_of_the_fit() -> None:
    measured = np.maximum(1e-3 * GRID**-2.0, 1e-9)
    slope, _ = measured_rate(theorem_of(), [trace_of(GRID, measured, floor=1e-9)], "trajectory")
    assert slope is not None
    assert slope.value == pytest.approx(-2)
    assert slope.window[1] <= 100  # 1e-3·t⁻² > 100 floors
    assert slope.ends == "rounding floor"


def test_a_linear_rate_and_its_plateau() -> None:
    t = np.arange(0, 400, 4)
    bound = theorem_of(lambda setting, t: 0.9**t + 1e-12, rate=LINEAR)
    slope, claimed = measured_rate(bound, [trace_of(t, 0.85**t)], "trajectory")
    assert claimed == math.log(0.9)
    assert slope is not None
    assert slope.kind == "linear"
    assert slope.value == pytest.approx(math.log(0.85))
    assert slope.window[1] <= 264  # where the bound has become flat it claims no rate


def test_a_stochastic_slope_comes_with_a_bootstrap_of_seeds() -> None:
    noise = np.random.default_rng(3).standard_normal((128, 1)) ** 2  # one factor per seed: trajectories are kept whole
    wobble = np.random.default_rng(4).standard_normal((128, GRID.size)) ** 2
    theorem = theorem_of(sense="expectation")
    slope, _ = measured_rate(theorem, [trace_of(GRID, noise / GRID)], "trajectory")
    assert slope is not None
    assert slope.high - slope.low < 1e-9
    slope, _ = measured_rate(theorem, [trace_of(GRID, wobble / GRID)], "trajectory")
    assert slope is not None
    assert slope.low < -1 < slope.high
    assert 0.02 < slope.high - slope.low < 0.4
    again, _ = measured_rate(theorem, [trace_of(GRID, wobble / GRID)], "trajectory")
    assert again == slope


def test_the_slope_is_that_of_the_mean_not_of_the_logarithms() -> None:
    late = np.unique(np.geomspace(1_000, 100_000, 60).round().astype(int))
    values = np.stack([1 / late, 3 / late**2.0])  # the mean of the logarithms falls like t^(−1.5)
    slope, _ = measured_rate(theorem_of(), [trace_of(late, values)], "trajectory")
    assert slope is not None
    assert slope.value == pytest.approx(-1, abs=0.02)


def test_an_order() -> None:
    e = [0.1]
    for _ in range(6):
        e.append(0.7 * e[-1] ** 1.5)
    slope, claimed = measured_rate(newton_of(), [trace_of(range(7), e, quantity="dist2")], "trajectory")
    assert claimed == 2
    assert slope is not None
    assert slope.kind == "order"
    assert slope.value == pytest.approx(1.5)
    assert slope.low == pytest.approx(1.5)
    assert slope.window[1] == 6


def test_an_order_needs_three_clean_steps() -> None:
    assert measured_rate(newton_of(), [trace_of(range(3), [1e-1, 1e-2, 1e-4], quantity="dist2")], "trajectory") == (
        None,
        2,
    )
    slow = trace_of(range(8), 0.5 ** np.arange(8.0), quantity="dist2")
    assert measured_rate(newton_of(), [slow], "trajectory") == (None, 2)
    floored = trace_of(range(6), [1e-1, 1e-2, 1e-4, 1e-8, 1e-16, 1e-32], quantity="dist2", floor=1e-7)
    assert measured_rate(newton_of(), [floored], "trajectory") == (None, 2)


def sweep(values: dict[int, float], seeds: int = 1, noise: np.ndarray | None = None) -> list:  # type: ignore[type-arg]
    factor = np.ones((seeds, 1)) if noise is None else noise
    return [trace_of([0, T], np.array([[1.0, v]]) * factor, setting_of(T)) for T, v in values.items()]


def test_a_worst_case_sweep_is_regressed_on_the_bound() -> None:
    theorem = theorem_of(lambda setting, t: 1 / (4 * t + 2))
    horizons = (10, 100, 1000, 10_000)
    slope, claimed = measured_rate(theorem, sweep({T: 0.5 / (4 * T + 2) for T in horizons}), "worst-case sweep")
    assert claimed == 1
    assert slope is not None
    assert slope.against == "bound"
    assert slope.value == pytest.approx(1)
    assert slope.window == (10, 10_000)
    slope, _ = measured_rate(theorem, sweep({T: 1 / T**2 for T in horizons}), "worst-case sweep")
    assert slope is not None
    assert slope.low > 1.5


def test_a_horizon_sweep_is_regressed_on_the_horizon_and_the_bounds_slope_is_claimed() -> None:
    theorem = theorem_of(lambda setting, t: 1 / math.sqrt(t))
    noise = np.random.default_rng(5).standard_normal((64, 1)) ** 2
    slope, claimed = measured_rate(
        theorem, sweep({T: T**-0.75 for T in (10, 50, 250, 1250)}, 64, noise), "horizon sweep"
    )
    assert claimed == pytest.approx(-0.5)
    assert slope is not None
    assert slope.against == "t"
    assert slope.value == pytest.approx(-0.75)


def test_too_few_points_give_no_slope() -> None:
    assert measured_rate(theorem_of(), [trace_of([0, 1, 2], [1, 1, 0.5])], "trajectory") == (None, -1)
    assert measured_rate(theorem_of(), [trace_of(GRID, np.zeros(GRID.size))], "trajectory") == (None, -1)
    assert measured_rate(theorem_of(), sweep({10: 0.1, 100: 0.01}), "worst-case sweep") == (None, 1)
    nothing = np.full(GRID.size, np.nan)
    nothing[0] = 1.0
    assert measured_rate(theorem_of(), [trace_of(GRID, nothing)], "trajectory") == (None, -1)


def test_before_a_divergence_the_slope_is_read() -> None:
    values = np.where(GRID < 500, GRID**1.5, np.nan)
    slope, _ = measured_rate(theorem_of(), [trace_of(GRID, values)], "trajectory")
    assert slope is not None
    assert slope.value == pytest.approx(1.5)
    assert slope.window[1] < 500


@pytest.mark.parametrize("scale", [1e-280, 1e280])
def test_scales_do_not_matter(scale: float) -> None:
    values = np.random.default_rng(6).standard_normal((32, GRID.size)) ** 2 / GRID
    plain, _ = measured_rate(theorem_of(), [trace_of(GRID, values)], "trajectory")
    scaled, _ = measured_rate(
        theorem_of(lambda s, t: scale / max(t, 0.5)), [trace_of(GRID, scale * values)], "trajectory"
    )
    assert plain is not None
    assert scaled is not None
    assert scaled.value == pytest.approx(plain.value, rel=1e-9)
    assert scaled.low == pytest.approx(plain.low, rel=1e-9)
