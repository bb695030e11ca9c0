"""The committed numbers of `newton_doubles_digits` against Newton's recursions in exact and long arithmetic."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import numpy as np
import pytest

from convlab.core.trace import Trace
from tests.experiments.committed import results_of, traces_of

NAME = "newton_doubles_digits"


def run(problem: str, optimizer: str = "newton", start: float | None = None) -> Trace:
    found = [
        trace
        for trace in traces_of(NAME, problem=problem, optimizer=optimizer)
        if start is None or trace.setting.problem_parameters["start"] == start
    ]
    assert len(found) == 1
    return found[0]


def test_gaps_are_seen_far_below_the_rounding_of_the_risk() -> None:
    gaps = run("logistic").measured["last"]["gap"][0]
    assert 0 < gaps[gaps > 0].min() < 1e-28


def test_the_error_becomes_its_own_square_on_x_minus_log_x() -> None:
    distance = np.sqrt(run("log_barrier", start=1.9).measured["last"]["dist2"][0])
    exact = [Fraction(9, 10) ** (2**t) for t in range(9)]
    assert distance[:9] == pytest.approx([float(e) for e in exact], rel=1e-12)


def test_the_full_step_from_three_leaves_the_domain_and_the_damped_one_arrives() -> None:
    assert run("log_barrier", "newton", 3.0).status == ("diverged",)
    damped = run("log_barrier", "damped_newton", 3.0)
    assert damped.status == ("done",)
    assert np.all(damped.measured["last"]["gap"][0, 1:] <= 1e-30)  # x_1 = 1


def test_the_fourth_power_loses_a_third_of_the_distance_a_step() -> None:
    gaps = run("power").measured["last"]["gap"][0]
    assert gaps == pytest.approx([0.25 * (2 / 3) ** (4 * t) for t in range(17)], rel=1e-12)


def test_the_cubic_follows_its_recursion() -> None:
    """(μ/2)θ² + (M/6)|θ|³ with μ = M = 1: θ ↦ θ²/(2(1 + θ)), in 50 digits."""
    distance = np.sqrt(run("cubic").measured["last"]["dist2"][0])
    with mpmath.workdps(50):
        theta = mpmath.mpf(0.4)
        for t in range(5):
            assert distance[t] == pytest.approx(float(theta), rel=1e-9)
            theta = theta**2 / (2 * (1 + theta))


def test_the_measured_orders_are_two() -> None:
    orders = [v.slope for v in results_of(NAME).verdicts if v.slope is not None and v.slope.kind == "order"]
    assert len(orders) >= 4
    assert all(order.value == pytest.approx(2.0, abs=0.1) for order in orders)
