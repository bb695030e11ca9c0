"""The committed numbers of `quadratic_model` against runs in 50 digits, and the measurement behind them on its own."""

from __future__ import annotations

import importlib
import math
from typing import Any

import jax
import mpmath
import numpy as np
import pytest

from convlab.core.problem import Problem
from convlab.core.trace import Trace
from convlab.lab import environment, quadratic_model
from convlab.lab.grid import cells
from convlab.lab.judge import judge
from convlab.lab.spec import Claim
from convlab.theorems.quadratic_model_error import THEOREM
from tests.experiments.committed import results_of, traces_of
from tests.running import experiment, run

NAME = "quadratic_model"
CLAIM = (Claim("quadratic_model_error"),)
SYNTHETIC = {"data": "synthetic", "n": 20, "dimension": 3, "data_seed": 1}


def build(name: str, **parameters: Any) -> Problem:
    found: Problem = getattr(importlib.import_module(f"convlab.problems.{name}"), name)(**parameters)
    return found


class Logistic:
    """R and its derivatives in long arithmetic, from the float64 numbers of the data."""

    def __init__(self, problem: Problem) -> None:
        X, y = (np.asarray(leaf) for leaf in problem.data)
        self.A = np.vectorize(mpmath.mpf, otypes=[object])(y[:, None] * X)
        self.ridge = mpmath.mpf(float(problem.constants["ridge"]))

    def at(self, theta: np.ndarray) -> tuple[Any, np.ndarray, np.ndarray]:
        """R, its gradient, and σ'/n of each row, which the Hessian weights it with."""
        n = len(self.A)
        decay = np.array([mpmath.exp(-z) for z in self.A @ theta], dtype=object)
        wrong = decay / (1 + decay)
        value = sum(mpmath.log1p(each) for each in decay) / n + self.ridge / 2 * (theta @ theta)
        return value, -(wrong @ self.A) / n + self.ridge * theta, wrong * (1 - wrong) / n

    def newton(self, slope: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """−(∇²R)⁻¹∇R."""
        matrix = self.A.T @ (weights[:, None] * self.A) + self.ridge * np.eye(self.A.shape[1], dtype=int)
        return -np.array(list(mpmath.lu_solve(mpmath.matrix(matrix.tolist()), mpmath.matrix(slope.tolist()))))

    def step(self, theta: np.ndarray, s: np.ndarray) -> tuple[float, float, float]:
        """‖s‖², what the model at θ predicted, and what it missed."""
        value, slope, weights = self.at(theta)
        decrease = -(slope @ s) - (weights @ (self.A @ s) ** 2 + self.ridge * (s @ s)) / 2
        return float(s @ s), float(decrease), float(self.at(theta + s)[0] - value + decrease)


def long(values: Any) -> np.ndarray:
    return np.array([mpmath.mpf(float(x)) for x in np.ravel(values)], dtype=object)


def committed(optimizer: str, line_search: str | None = None) -> Trace:
    found = traces_of(NAME, optimizer=optimizer)
    (trace,) = (each for each in found if each.setting.options.get("line_search") == line_search)
    return trace


def measured(trace: Trace, t: int) -> list[float]:
    return [float(trace.measured["last"][name][0, t]) for name in ("step2", "model_decrease", "model_error")]


def test_the_first_steps_of_gradient_descent_and_newton_in_fifty_digits() -> None:
    with jax.enable_x64(True):
        problem = build("logistic", data="breast_cancer", rows="standardised", ridge=0.01)
    exact, gd, newton = Logistic(problem), committed("gd"), committed("newton")
    with mpmath.workdps(50):
        eta = mpmath.mpf(gd.setting.step_size())
        for trace in (gd, newton):
            theta = long(problem.theta0)
            for t in (1, 2):
                _, slope, weights = exact.at(theta)
                s = exact.newton(slope, weights) if trace is newton else -eta * slope
                assert measured(trace, t) == pytest.approx(exact.step(theta, s), rel=1e-10)
                theta = theta + s


@pytest.mark.parametrize("distance", [3.0, 1.0, 1e-2, 1e-5, 1e-8, 1e-11])
def test_any_step_is_measured_to_ten_digits_however_close_to_the_minimiser(distance: float) -> None:
    """Steps of this length, taken from this distance: what is missed is 1e-30 and less, where R itself is about 0.6.

    The prediction is as good as the gradient, which is rounded to ε near θ*: ε‖s‖ of it."""
    with environment.numerics():
        problem = build("logistic", **SYNTHETIC, ridge=0.1)
        assert problem.optimum is not None
        star, generator = np.asarray(problem.optimum.hi), np.random.default_rng(5)
        theta = star + distance * generator.standard_normal((6, 3))
        points = np.stack([theta, theta + distance * generator.standard_normal((6, 3))])
        found = quadratic_model.measure_steps(problem, points, np.array([0, 1]))
    exact, blur = Logistic(problem), float(problem.optimum.rounding)
    assert all(np.isnan(values[0]).all() for values in found.values())
    with mpmath.workdps(60):
        for run_, (start, end) in enumerate(zip(*points, strict=True)):
            step2, decrease, error = exact.step(long(start), long(end) - long(start))
            assert found["step2"][1, run_] == pytest.approx(step2, rel=1e-14)
            allowed = 1e-12 * abs(decrease) + blur * math.sqrt(step2)
            assert found["model_decrease"][1, run_] == pytest.approx(decrease, rel=0, abs=allowed)
            assert found["model_error"][1, run_] == pytest.approx(error, rel=quadratic_model.RELATIVE)


def test_a_step_across_a_jump_of_the_third_derivative_is_measured_or_left_out() -> None:
    """From x to −x on (μ/2)θ² + (M/6)|θ|³ the model misses −M x³: seen in the values of R at 0.1, under their rounding
    at 1e-7, where the integral meets the jump; from x to x/2 it misses −M(x/2)³/6 at any size that does not underflow.
    """
    x = np.array([0.1, 1e-7, 1e-90, 1e-110])
    with environment.numerics():
        problem = build("cubic", mu=2.0, M=3.0)
        points = np.stack([x, -x, x, x / 2])[:, :, None]
        found = quadratic_model.measure_steps(problem, points, np.array([0, 1, 5, 6]))["model_error"]
    assert found[1, 0] == pytest.approx(-3.0 * 0.1**3, rel=1e-10)
    assert np.isnan(found[1, 1])
    assert np.isnan(found[2]).all()  # four steps lie between
    assert found[3, :3] == pytest.approx(-3.0 / 48 * x[:3] ** 3, rel=1e-10)
    assert np.isnan(found[3, 3])


METHODS = [
    *({"name": "newton"}, {"name": "damped_newton"}, {"name": "gd", "line_search": "exact"}),
    *({"name": "gd", "step_size": "1/L"}, {"name": "nesterov", "step_size": "1/L"}),
    {"name": "heavy_ball", "step_size": "0.5/L", "momentum": 0.5},
]


@pytest.mark.parametrize(
    ("problem", "methods", "oracle"),
    [
        ({"name": "least_squares", **SYNTHETIC, "noise": 0.3}, METHODS, {"name": "exact"}),
        ({"name": "quadratic", "dimension": 4, "mu": 0.1}, METHODS[:1], {"name": "exact"}),
        ({"name": "quadratic", "dimension": 4, "mu": 0.1}, METHODS[3:4], {"name": "additive_noise", "sigma": 0.1}),
    ],
)
def test_on_a_quadratic_no_optimizer_misses_anything(
    problem: dict[str, Any], methods: list[dict[str, Any]], oracle: dict[str, Any]
) -> None:
    """And what was predicted is the difference of the gaps, to their error and that of the gradient along the step."""
    for trace in run(problem, methods, oracle=oracle, horizon=12, seeds=3, every_step=True, claims=CLAIM):
        last = trace.measured["last"]
        step = np.sqrt(last["step2"][:, 1:])
        assert np.all((last["model_error"][:, 1:] == 0) | (step < 1e-95)), trace.label  # ‖s‖³ underflows
        decrease = last["gap"][:, :-1] - last["gap"][:, 1:]
        allowed = 1e-11 * (last["gap"][:, :-1] + last["gap"][:, 1:]) + math.sqrt(trace.floor["grad_norm2"]) * step
        assert np.all(np.abs(decrease - last["model_decrease"][:, 1:]) <= allowed), trace.label
        verdict = judge("quadratic_model_error", THEOREM, [trace], (0,), "trajectory")
        assert (verdict.ruling, verdict.worst_ratio) == ("holds", 1.0), verdict.why


def test_models_are_measured_where_a_claim_or_a_figure_asks_and_r_has_a_hessian() -> None:
    quadratic, gd = {"name": "quadratic", "dimension": 2}, [{"name": "gd", "step_size": "1/L"}]
    both = [*gd, {"name": "nesterov", "step_size": "1/L"}]
    elsewhere = (Claim("quadratic_model_error", {"optimizer": "nesterov"}), Claim("gd_smooth_convex"))
    wanted = [cell.models for cell in cells(experiment(quadratic, both, claims=elsewhere))]
    assert wanted == [False, True]
    (asked,) = cells(experiment(quadratic, gd, figures=("quadratic_model",)))
    (plain,) = cells(experiment(quadratic, gd))
    assert asked.models
    assert set(asked.to_json().items() ^ plain.to_json().items()) == {("models", True)}
    (trace,) = run({"name": "huber"}, gd, horizon=3, claims=CLAIM)
    assert "model_error" not in trace.measured["last"]
    verdict = judge("quadratic_model_error", THEOREM, [trace], (0,), "trajectory")
    assert verdict.ruling == "not applicable"
    assert "jumps at the kink" in verdict.why
    (trace,) = run(quadratic, gd, horizon=3)
    assert set(trace.measured["last"]) == {"gap", "grad_norm2", "dist2"}


def missed(optimizer: str, line_search: str | None = None) -> np.ndarray:
    """|actual/predicted − 1| of each step."""
    last = committed(optimizer, line_search).measured["last"]
    with np.errstate(invalid="ignore"):  # a run that stands still
        return np.asarray(np.abs(last["model_error"][0] / last["model_decrease"][0]))


def test_what_the_lesson_says() -> None:
    keys = (("gd", None), ("gd", "exact"), ("newton", None), ("damped_newton", None))
    gd, _, newton, damped = (missed(*key) for key in keys)
    assert (newton[1:5].min(), newton[1:5].max()) == pytest.approx((0.17, 0.30), abs=0.005)
    assert np.all(gd[2:7] < newton[2:7])
    assert newton[6:10] == pytest.approx([2.1e-2, 7.1e-4, 7.6e-7, 8.8e-13], rel=0.01)
    assert np.all((newton[6:9] ** 2 < newton[7:10]) & (newton[7:10] < 2 * newton[6:9] ** 2))
    assert (damped[1:6].min(), damped[1:6].max()) == pytest.approx((0.03, 0.14), abs=0.005)
    assert damped[10] < 1e-6
    assert gd[1] == pytest.approx(0.18, abs=0.005)
    assert gd[10] < 1e-3 < gd[9]
    assert 1e-7 < gd[300] < 1.5e-7
    every = {key: committed(*key).measured["last"] for key in keys}
    gained = {key: last["model_decrease"][0, 1:] - last["model_error"][0, 1:] for key, last in every.items()}
    assert every["gd", "exact"]["model_decrease"][0, 1] < 0
    assert gained["gd", "exact"][0] == max(values.max() for values in gained.values())
    for last in every.values():
        assert committed("newton").setting["M"] / 6 * last["step2"][0, 1] ** 1.5 > abs(last["model_decrease"][0, 1])
    ratios = {verdict.cells[0]: verdict.worst_ratio for verdict in results_of(NAME).verdicts}
    assert [ratios[cell] for cell in range(4)] == pytest.approx([0.1655, 0.1399, 0.0147, 0.0393], abs=5e-5)
