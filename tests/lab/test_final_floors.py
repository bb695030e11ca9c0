"""Floors of methods whose rounding is not followed step by step: where their runs end, and what they cannot see.

Each of these methods converges linearly or faster in real numbers, far below what is left here: that is rounding alone.
A run in single precision is held against the same run in double precision, whose rounding is 2²⁹ times smaller.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from convlab.core.problem import Problem
from convlab.core.setting import Known
from convlab.core.trace import Trace
from convlab.lab import catalog, judge
from convlab.lab.final_floors import limits
from tests.lab.toys import setting_of
from tests.running import run

LEAST_SQUARES = {"name": "least_squares", "data": "synthetic", "n": 20, "dimension": 3, "condition": 5.0}
LOGISTIC = {"name": "logistic", "data": "synthetic", "n": 40, "dimension": 3, "ridge": 0.05}
FLAT = {**LOGISTIC, "ridge": 0.001}
BACKTRACKING = {"name": "gd", "step_size": 3.0, "line_search": "backtracking"}
# problem, optimizer, horizon, and by how much √F may be too large at the end
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], int, float]] = {
    "backtracking, least squares": (LEAST_SQUARES, BACKTRACKING, 1_000, 100),
    "backtracking, logistic": (LOGISTIC, BACKTRACKING, 1_000, 100),
    "backtracking, flat": (FLAT, BACKTRACKING, 3_000, 1_000),
    "exact line search": (LOGISTIC, {"name": "gd", "line_search": "exact"}, 500, 1_000),
    "damped Newton": (LOGISTIC, {"name": "damped_newton"}, 30, 3_000),
    "Adam": (LEAST_SQUARES, {"name": "optax.adam", "learning_rate": "0.1/sqrt(t+1)"}, 5_000, 1_000),
    "L-BFGS": (LOGISTIC, {"name": "optax.lbfgs"}, 100, 1_000),
    "Polyak, least squares": (LEAST_SQUARES, {"name": "polyak"}, 2_000, 1_000),
    "Polyak, flat": (FLAT, {"name": "polyak"}, 20_000, 1_000),
}
QUANTITIES = ("gap", "grad_norm2", "dist2")
PROBLEM_WITHOUT_MINIMISER = Problem(
    risk=lambda theta, batch, constants: jnp.sum(jnp.sin(theta)),
    theta0=np.array([3.0, 4.0]),
    optimum=None,
    name="waves",
    known={"L": Known(3.0, "upper bound")},
)


@functools.cache
def run_of(case: str, dtype: str) -> Trace:
    problem, optimizer, horizon, _ = CASES[case]
    return run({**problem, "data_seed": 1}, [optimizer], horizon=horizon, dtype=dtype)[0]


def roots(case: str, dtype: str, quantity: str) -> tuple[np.ndarray, np.ndarray]:
    """√q and √F at every checkpoint after the start."""
    trace = run_of(case, dtype)
    return np.sqrt(trace.measured["last"][quantity][0, 1:]), np.sqrt(trace.floor_of(quantity)[0, 1:])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", CASES)
def test_a_run_ends_below_its_floor_and_not_by_far(case: str, dtype: str) -> None:
    for quantity in QUANTITIES:
        seen, floor = roots(case, dtype, quantity)
        late = seen[-len(seen) // 8 :] / floor[-len(seen) // 8 :]
        assert late.max() <= 1, (quantity, late.max())
        assert late[-1] >= 1 / CASES[case][3], (quantity, late[-1])


@pytest.mark.parametrize("case", [case for case in CASES if not case.startswith("Polyak")])
def test_what_rounding_did_on_the_way_is_below_the_floor(case: str) -> None:
    """But for Polyak's steps, which multiply differences as they zigzag, far above any floor."""
    for quantity in QUANTITIES:
        (single, floor), (double, _) = roots(case, "float32", quantity), roots(case, "float64", quantity)
        assert np.max(np.abs(single - double) / floor) <= 1, quantity


@pytest.mark.parametrize("case", ["Polyak, least squares", "backtracking, least squares"])
def test_gradients_are_as_exact_as_those_of_gradient_descent(case: str) -> None:
    """What values cannot tell apart blurs no gradient: ε, which rulings allow for and monitors look through, is ε."""
    problem, optimizer, _, _ = CASES[case]
    traces = [run({**problem, "data_seed": 1}, [table], horizon=20)[0] for table in (optimizer, {"name": "newton"})]
    blind, plain = traces
    assert blind.gradient_rounding == plain.gradient_rounding > 0
    assert np.sqrt(blind.floor_of("grad_norm2")[0, -1]) > 1e3 * blind.gradient_rounding
    assert blind.floor_of("gap")[0, 0] == 0  # θ0 is what it is


def test_a_false_bound_on_polyaks_steps_is_found_far_above_their_floor() -> None:
    """A tenth of what was measured, where the gap is 1e-3 of the start's."""
    theorem = catalog.load("theorems", "polyak_smooth")
    (trace,) = run({**FLAT, "data_seed": 1}, [{"name": "polyak"}], horizon=3_000)
    gap = dict(zip(trace.t.tolist(), trace.measured["last"]["gap"][0].tolist(), strict=True))
    low = [t for t in gap if t >= 1 and gap[t] > 1e6 * trace.floor_of("gap")[0, -1]]
    assert len(low) >= 20
    false = dataclasses.replace(
        theorem, output="last", log_bound=lambda setting, t: math.log(gap[t] / 10 if t in low[10:] else 1e9)
    )
    verdict = judge.judge("polyak_smooth", false, [trace], (0,), "trajectory")
    assert verdict.ruling == "violated", verdict.why


def test_steps_that_fall_fast_leave_values_that_are_no_rounding() -> None:
    """Σ η_t converges: the run stops on its way, where η∇R has become small, and so it would in real numbers."""
    problem = {**LEAST_SQUARES, "data_seed": 1}
    for power in (3, 60):
        step = {"name": "gd", "step_size": f"3/L/(t+1)**{power}"}
        (trace,) = run(problem, [step], horizon=20_000)
        end = trace.measured["last"]["gap"][0, -1]
        assert end > 1e-3 * trace.measured["last"]["gap"][0, 0]
        assert np.all(trace.floor_of("gap") < 1e-20 * end)


def test_without_a_minimiser_gradients_are_as_exact_as_points_are_stored() -> None:
    """L·u‖θ0‖: what moves a point by half a spacing moves its gradient by as much."""
    problem = PROBLEM_WITHOUT_MINIMISER
    setting = setting_of(10, traits=("smooth", "gradient step", "exact oracle"), L=3.0)
    for dtype, unit in (("float64", 2.0**-53), ("float32", 2.0**-24)):
        floor = limits(problem, dataclasses.replace(setting, dtype=dtype))
        assert math.sqrt(floor["grad_norm2"]) == pytest.approx(3.0 * 5.0 * unit, rel=1e-12)
        assert floor["gap"] == floor["dist2"] == 0


def test_a_search_from_nearly_nothing_has_a_floor_that_is_a_number() -> None:
    for first in (1e-310, 1e-300):
        (trace,) = run({**LOGISTIC, "data_seed": 1}, [{**BACKTRACKING, "step_size": first}], horizon=5)
        for quantity in QUANTITIES:
            floor = trace.floor_of(quantity)
            assert np.isfinite(floor).all()
            assert np.all(floor <= trace.measured["last"][quantity] * (1 + 1e-9) * trace.setting["kappa"])


@pytest.mark.parametrize("name", ["least_squares", "logistic"])
def test_short_steps_after_long_ones_end_where_the_point_does_not_move(name: str) -> None:
    """Steps 1/(μ(t + 1)) are far above 2/L at first; at the end η‖∇R‖ below u‖θ‖ moves nothing, in single precision
    above what one number says: u‖θ*‖/η ≈ ε·μt/L."""
    problem = {**(LEAST_SQUARES if name == "least_squares" else LOGISTIC), "data_seed": 2}
    schedule = {"name": "subgradient", "step_size": "1/(mu*(t+1))"}
    single, double = (run(problem, [schedule], horizon=5_000, dtype=dtype)[0] for dtype in ("float32", "float64"))
    for quantity in QUANTITIES:
        floor = np.sqrt(single.floor_of(quantity)[0, 1:])
        seen = np.sqrt(single.measured["last"][quantity][0, 1:])
        off = np.abs(seen - np.sqrt(double.measured["last"][quantity][0, 1:]))
        assert np.max(off / floor) <= 1, quantity
        assert np.max(off / floor) >= 0.01, quantity
        assert floor[-1] > 5 * math.sqrt(single.floor[quantity])
