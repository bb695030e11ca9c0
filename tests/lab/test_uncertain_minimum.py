"""What is not known of R* and θ* enters every ruling: a wider interval makes rulings inconclusive, and never wrong."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from convlab.core.problem import Optimum, Problem
from convlab.core.theorem import Theorem
from convlab.core.trace import Trace
from convlab.lab import catalog, settle
from convlab.lab.judge import judge
from convlab.lab.uncertainty import error_of, errors
from convlab.problems.least_squares import least_squares
from convlab.problems.logistic import logistic
from tests.contracts.problem_cases import example
from tests.running import run

HUBER = {"name": "huber", "L": 2.0, "D": 1.5, "kink": "D/(2*T+1)"}
GD = {"name": "gd", "step_size": "1/L"}
NAME, T = "gd_smooth_convex", 20


def bound_times(factor: float) -> Theorem:
    theorem: Theorem = catalog.load("theorems", NAME)
    bound = theorem.log_bound
    assert bound is not None
    return dataclasses.replace(theorem, log_bound=lambda setting, t: bound(setting, t) + math.log(factor))


def ruling(trace: Trace, factor: float) -> str:
    return judge(NAME, bound_times(factor), [trace], (0,), "trajectory").ruling


def widened(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> Trace:
    """The attained run, on Huber's function with another optimum claimed for it."""
    build = settle.build_problem

    def other(*arguments: Any) -> Problem:
        problem = build(*arguments)
        assert problem.optimum is not None
        changed = {name: np.array(value) for name, value in fields.items()}
        return dataclasses.replace(problem, optimum=problem.optimum._replace(**changed))

    monkeypatch.setattr(settle, "build_problem", other)
    return run(HUBER, [GD], horizon=T)[0]


GAP = 2.0 * 1.5**2 / (4 * T + 2)  # at T, where the bound is attained


@pytest.mark.parametrize("share", [1e-6, 1e-3, 0.1])
def test_an_interval_of_the_minimum_that_is_wide_leaves_rulings_open_in_both_directions(
    monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    """m ± w: a bound of (1 + c)·gap holds for c > w/gap, and is violated for −c > w/gap; between, it stays open."""
    width = share * GAP
    trace = widened(monkeypatch, risk_low=-width, risk_high=0.0)
    assert trace.error["gap"] == pytest.approx(width)
    assert ruling(trace, 1.0) == "inconclusive"
    assert ruling(trace, 1.0 + 0.9 * share) == "inconclusive"
    assert ruling(trace, 1.0 - 0.8 * share) == "inconclusive"
    assert ruling(trace, 1.0 + 1.1 * share) == "holds"
    assert ruling(trace, 1.0 - 1.2 * share) == "violated"


@pytest.mark.parametrize("share", [1e-6, 1e-3, 0.1])
def test_a_radius_of_theta_star_leaves_rulings_open_in_both_directions(
    monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    """A minimiser at distance r moves the gap by up to L r|θ| + L r²/2."""
    radius = share * GAP / (2.0 * 1.5)
    trace = widened(monkeypatch, radius=radius)
    error = float(error_of(trace, "last", "gap")[0, -1])
    distance = math.sqrt(float(trace.measured["last"]["dist2"][0, -1]))
    assert error == pytest.approx(2.0 * radius * distance + radius**2)
    assert ruling(trace, 1.0) == "inconclusive"
    assert ruling(trace, 1.0 - 0.5 * error / GAP) == "inconclusive"
    assert ruling(trace, 1.0 + 2.0 * share) == "holds"
    assert ruling(trace, 1.0 - 2.0 * share) == "violated"


@pytest.mark.parametrize("place", [0.0, 0.5, 1.0])
def test_wherever_in_its_interval_the_minimum_is_no_ruling_is_wrong(place: float) -> None:
    """Measured against the middle of [R* − w·place, R* + w·(1 − place)], the gap is wrong by up to w/2."""
    exact = run(HUBER, [GD], horizon=T)[0]
    for share in (1e-9, 1e-4, 0.02, 0.3):
        width = share * GAP
        shift = width * (place - 0.5)
        values = {**exact.measured["last"], "gap": exact.measured["last"]["gap"] + shift}
        trace = dataclasses.replace(exact, measured={"last": values}, error={**exact.error, "gap": width})
        for factor in (0.5, 0.9, 1.0 - 0.4 * share, 1.0 + 0.4 * share, 1.1, 2.0):
            truth = "holds" if factor > 1.0 else "violated"
            found = ruling(trace, factor)
            assert found in (truth, "inconclusive")
            assert (found == truth) or abs(factor - 1.0) <= 2 * share


@pytest.mark.parametrize("case", ["nesterov_chain", "max_coordinate", "quadratic simplex", "logistic", "least_squares"])
def test_the_rounding_of_the_minimum_itself_does_not_blur_gaps(case: str) -> None:
    """R* is known to a unit in the last place, gaps much better: the error is that of θ*, some 10^-25 of D."""
    problem = example(case)
    optimum = problem.optimum
    assert isinstance(optimum, Optimum)
    assert float(optimum.risk_high) > float(optimum.risk_low)
    assert errors(problem)["gap"] <= 1e-25 * problem.known["initial_gap"].value


def test_a_gap_below_the_last_digit_of_the_minimum_is_ruled_on() -> None:
    """Least squares with R* = 13,000: gaps of 10^-17 of that are judged, not drowned in its rounding."""
    trace = run({"name": "least_squares", "rows": "standardised", "ridge": 1.0}, [GD], horizon=60)[0]
    gaps = trace.measured["last"]["gap"][0]
    assert trace.risk_star is not None
    assert gaps[-1] < 1e-16 * trace.risk_star[1]
    verdict = judge(
        "gd_strongly_convex_gap", catalog.load("theorems", "gd_strongly_convex_gap"), [trace], (0,), "trajectory"
    )
    assert verdict.ruling == "holds", verdict.why


@pytest.mark.parametrize("build", [least_squares, lambda: logistic(rows="standardised", ridge=0.01)])
def test_upper_ends_are_for_upper_bounds_and_lower_ends_for_lower_ones(build: Any) -> None:
    known = build().known["D"]
    assert known.how == "computed"
    assert known.low < known.value <= known.low * (1 + 1e-15)


def test_a_lower_bound_reads_the_lower_end() -> None:
    trace = run(
        {"name": "max_coordinate", "dimension": 5, "G": 2.0, "D": 0.7},
        [{"name": "subgradient", "step_size": 0.1}],
        horizon=3,
    )[0]
    setting, theorem = trace.setting, catalog.load("theorems", "nonsmooth_lower_bound")
    assert setting.low("initial_gap") < setting["initial_gap"]
    assert theorem.log_bound(setting, 1) == math.log(setting.low("initial_gap"))
