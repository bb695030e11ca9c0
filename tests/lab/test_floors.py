"""Floors against truth: float64 and float32 runs beside the same methods in 64-bit mantissas, from the same data.

A floor F is right where |√q(θ̂_t) − √q(θ_t)| ≤ √F at every checkpoint, and useful where √F is no more than a stated
factor above what is seen. The exact recursions are in e = θ − θ*, with Hessians in integral form, so that they go on
where a run in θ stops; extended precision (u = 5e-20) has digits enough for float64.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from convlab.core.problem import Problem
from convlab.core.setting import Hyper
from convlab.core.trace import Trace
from convlab.lab import final_floors, floors
from convlab.problems.least_squares import least_squares
from convlab.problems.logistic import logistic
from tests.lab.toys import setting_of
from tests.running import run

LD = np.longdouble
TABLES: dict[str, dict[str, Any]] = {
    "least_squares": {"data": "synthetic", "n": 20, "dimension": 3, "condition": 5.0, "data_seed": 1},
    "logistic": {"data": "synthetic", "n": 40, "dimension": 3, "ridge": 0.05, "data_seed": 2},
}
QUANTITIES = ("gap", "grad_norm2", "dist2")
NODES, WEIGHTS = (LD(1) * part for part in np.polynomial.legendre.leggauss(16))
NODES, WEIGHTS = (NODES + 1) / 2, WEIGHTS / 2


class Exact:
    """R around its minimiser, in extended precision: the gap, ∇R and ∇²R at e = θ − θ*."""

    def __init__(self, name: str) -> None:
        build: Callable[..., Problem] = {"least_squares": least_squares, "logistic": logistic}[name]
        self.problem = build(**TABLES[name])
        (X, y), optimum = self.problem.data, self.problem.optimum
        assert optimum is not None
        self.ridge = LD(float(self.problem.constants["ridge"]))
        self.start = (self.problem.theta0 - optimum.hi.astype(LD)) - optimum.lo
        self.X = X.astype(LD) if name == "least_squares" else (y[:, None] * X).astype(LD)
        self.at = None if name == "least_squares" else -(self.X @ (optimum.hi.astype(LD) + optimum.lo))

    def curvatures(self, e: np.ndarray, power: int) -> Any:
        """∫ (1−s)^power σ'(m + s·t) ds of every row: 1/2 or 1 for least squares."""
        if self.at is None:
            return LD(1) / (power + 1)
        t, total = -(self.X @ e), LD(0)
        for s, weight in zip(NODES, WEIGHTS, strict=True):
            p = 1 / (1 + np.exp(-(self.at + s * t)))
            total = total + weight * (1 - s) ** power * p * (1 - p)
        return total

    def gap(self, e: np.ndarray) -> float:
        return float(np.mean(self.curvatures(e, 1) * (self.X @ e) ** 2) + self.ridge / 2 * (e @ e))

    def gradient(self, e: np.ndarray) -> np.ndarray:
        return np.asarray(self.X.T @ (self.curvatures(e, 0) * (self.X @ e)) / len(self.X) + self.ridge * e)

    def newton(self, e: np.ndarray) -> np.ndarray:
        c = LD(1)
        if self.at is not None:
            p = 1 / (1 + np.exp(-(self.at - self.X @ e)))
            c = p * (1 - p)
        H = (self.X * np.broadcast_to(c, len(self.X))[:, None]).T @ self.X / len(self.X) + self.ridge * np.eye(len(e))
        inverse = np.linalg.inv(H.astype(float)).astype(LD)
        step = inverse @ (g := self.gradient(e))
        for _ in range(4):
            step = step + inverse @ (g - H @ step)
        return np.asarray(e - step)


@functools.cache
def exact(name: str) -> Exact:
    return Exact(name)


def steps(name: str, method: str, eta: float, momentum: Callable[[int], float]) -> Callable[[int, Any], Any]:
    """One step of (e, what the method remembers)."""
    here = exact(name)

    def one(t: int, both: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        e, kept = both
        if method == "gd":
            return e - LD(eta) * here.gradient(e), kept
        if method == "newton":
            return here.newton(e), kept
        if method == "heavy_ball":
            return e - LD(eta) * here.gradient(e) + LD(momentum(t)) * (e - kept), e
        new = kept - LD(eta) * here.gradient(kept)
        return new, new + LD(momentum(t)) * (new - e)

    return one


def trajectory(name: str, one: Callable[[int, Any], Any], checkpoints: np.ndarray) -> dict[str, dict[str, np.ndarray]]:
    """√ of each quantity at the checkpoints, of the last iterate and of the average of 0 … t − 1."""
    here, wanted = exact(name), set(checkpoints.tolist())
    both, total = (here.start, here.start), np.zeros_like(here.start)
    found: dict[str, list[tuple[float, float, float]]] = {"last": [], "average(0..T-1)": []}
    for t in range(int(checkpoints[-1]) + 1):
        if t in wanted:
            for output, e in (("last", both[0]), ("average(0..T-1)", total / t if t else both[0])):
                slope = here.gradient(e)
                found[output].append((here.gap(e), float(slope @ slope), float(e @ e)))
        total = total + both[0]
        both = one(t, both)
    return {output: dict(zip(QUANTITIES, np.sqrt(np.array(rows)).T, strict=True)) for output, rows in found.items()}


def of(name: str) -> tuple[float, float, float]:
    known = exact(name).problem.known
    L, mu = known["L"].value, known["mu"].value
    root = math.sqrt(L / mu)
    return L, mu, (root - 1) / (root + 1)


def ratios(trace: Trace, truth: Mapping[str, np.ndarray], output: str, quantity: str) -> np.ndarray:
    """|√q̂ − √q| over √F at every checkpoint after the start."""
    seen = np.abs(np.sqrt(trace.measured[output][quantity][0]) - truth[quantity])
    assert f"{output}.{quantity}" in trace.floor  # a prediction for each checkpoint, no flat number
    floor = np.sqrt(trace.floor_of(quantity, output)[0])
    assert np.all(floor[1:] > 0)
    return np.asarray(seen[1:] / floor[1:])


# problem, optimizer's table as a function of (L, mu, beta), η, momentum, horizon, and by how much √F may be too large
METHODS: dict[str, tuple[str, Callable[[float, float, float], dict[str, Any]], str, int, float]] = {
    "least squares, gd": ("least_squares", lambda L, mu, b: {"step_size": 1 / L}, "gd", 1000, 100),
    "least squares, short steps": ("least_squares", lambda L, mu, b: {"step_size": 0.05 / L}, "gd", 8000, 10),
    "least squares, heavy ball": (
        "least_squares",
        lambda L, mu, b: {"step_size": 3.9 / (L**0.5 + mu**0.5) ** 2, "momentum": b * b},
        "heavy_ball",
        1000,
        10_000,
    ),
    "least squares, nesterov": (
        "least_squares",
        lambda L, mu, b: {"step_size": 1 / L, "momentum": "strongly convex", "kappa": L / mu},
        "nesterov",
        1000,
        1000,
    ),
    "logistic, gd": ("logistic", lambda L, mu, b: {"step_size": 1 / L}, "gd", 1000, 1000),
    "logistic, short steps": ("logistic", lambda L, mu, b: {"step_size": 0.05 / L}, "gd", 8000, 30),
    "logistic, newton": ("logistic", lambda L, mu, b: {}, "newton", 12, 1000),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", METHODS)
def test_the_floor_bounds_what_rounding_did_to_a_run_and_not_by_far(case: str, dtype: str) -> None:
    """At every checkpoint; where the run stands still √F is at most the stated factor above its distance from truth."""
    name, build, method, horizon, factor = METHODS[case]
    L, mu, beta = of(name)
    table = build(L, mu, beta)
    trace = run({"name": name, **TABLES[name]}, [{"name": method, **table}], horizon=horizon, dtype=dtype)[0]
    momentum = beta * beta if method == "heavy_ball" else beta
    truth = trajectory(name, steps(name, method, table.get("step_size", 0.0), lambda t: momentum), trace.t)["last"]
    for quantity in QUANTITIES:
        seen = ratios(trace, truth, "last", quantity)
        assert seen.max() <= 1, (quantity, seen.max())
        assert truth[quantity][-1] <= 1e-2 * math.sqrt(trace.floor_of(quantity)[0, -1])  # it has arrived
        assert seen[-1] >= 1 / factor, (quantity, 1 / seen[-1])


def test_shorter_steps_end_on_a_higher_floor_than_one_number_says() -> None:
    """η‖∇R‖ below u‖θ*‖ moves no point: with η = 0.005/L a run stops where ‖∇R‖ ≈ u‖θ*‖/η, far above ε."""
    name, step = "least_squares", 0.005 / of("least_squares")[0]
    trace = run({"name": name, **TABLES[name]}, [{"name": "gd", "step_size": step}], horizon=20_000, dtype="float32")[0]
    end, flat, exactly = trace.measured["last"]["gap"][0, -1], trace.floor["gap"], math.exp(-2 * 20_000 * 0.005 / 5)
    assert exactly < 1e-6 * flat < flat < end <= trace.floor_of("gap")[0, -1] < 1000 * flat


def test_the_floor_of_an_average_grows_with_its_own_roundings() -> None:
    """In float32 the mean of T points is rounded T times: √F ≈ u‖θ*‖T/2, and what is seen stays below it."""
    name, average = "least_squares", "average(0..T-1)"
    step = 1 / of(name)[0]
    trace = run(
        {"name": name, **TABLES[name]},
        [{"name": "gd", "step_size": step}],
        horizon=4000,
        dtype="float32",
        outputs=("last", average),
    )[0]
    truth = trajectory(name, steps(name, "gd", step, lambda t: 0.0), trace.t)[average]
    for quantity in QUANTITIES:
        assert ratios(trace, truth, average, quantity).max() <= 1
    optimum = exact(name).problem.optimum
    assert optimum is not None
    floor = np.sqrt(trace.floor_of("dist2", average)[0])
    assert floor[-1] == pytest.approx(2.0**-24 * float(np.linalg.norm(optimum.hi)) * 2000, rel=0.1)
    assert floor[-1] > 10 * np.sqrt(trace.floor_of("dist2")[0, -1])
    assert np.all(np.diff(floor[trace.t >= 100]) > 0)


@pytest.mark.parametrize(
    ("step_size", "outputs"),
    [("0.05/L_max", ("last",)), ("1/(mu*(t+20))", ("last", "average(0..T-1)", "weighted_average(t+1)"))],
)
def test_the_floor_of_stochastic_runs(step_size: str, outputs: tuple[str, ...]) -> None:
    """The same rows in single and in double precision: the difference is below the floor of each seed."""
    problem, optimizer = {"name": "least_squares", **TABLES["least_squares"]}, {"name": "sgd", "step_size": step_size}
    double, single = (
        run(problem, [optimizer], horizon=2000, seeds=3, dtype=dtype, outputs=outputs)[0]
        for dtype in ("float64", "float32")
    )
    for output in outputs:
        for quantity in QUANTITIES:
            roots = (np.sqrt(trace.measured[output][quantity][:, 1:]) for trace in (single, double))
            seen = np.abs(next(roots) - next(roots))
            floor = np.sqrt(single.floor_of(quantity, output))[:, 1:]
            assert np.all(seen <= floor)
            assert (seen / floor).max() >= 1e-3
            assert np.sqrt(double.floor_of(quantity, output)).max() < 1e-7 * floor.max()


# --- the recursion itself ---


def along(setting: Any, t: list[int], distance: float, problem: Problem) -> dict[str, np.ndarray]:
    shape = (1, len(t))
    measured = {"last": {"grad_norm2": np.ones(shape), "dist2": np.full(shape, distance**2)}}
    return floors.along(problem, setting, np.array(t), measured)


def gradient_setting(step: float, **known: float) -> Any:
    setting = setting_of(1000, traits=("convex", "smooth", "gradient step", "strongly convex"), **known)
    return setting.__class__(**{**vars(setting), "hyper": {"step_size": Hyper("", step)}})


def test_the_floor_of_gradient_descent_in_closed_form() -> None:
    """(ε + u‖θ*‖/η)²·ηt/2 before the contraction, its limit over 2μ, with ε²-like squares for the other quantities."""
    problem = exact("least_squares").problem
    optimum = problem.optimum
    assert optimum is not None
    epsilon = float(optimum.rounding) + 2.0**-53 * float(np.linalg.norm(optimum.hi)) / 0.01
    found = along(gradient_setting(0.01, L=1.0, mu=1e-3), [0, 1, 1000, 10**6], 0.0, problem)
    gap = found["last.gap"] / epsilon**2
    assert gap[0] == 0
    assert gap[1] == pytest.approx(0.01**2 / 2, rel=1e-6)  # λ = L: one step has rounded, nothing was forgotten
    assert 0.3 * 0.01 * 1000 / 2 < gap[2] <= 0.01 * 1000 / 2
    assert gap[3] == pytest.approx(1 / (2 * 1e-3), rel=1e-3)
    assert found["last.dist2"][3] / epsilon**2 == pytest.approx(1e6, rel=1e-3)
    assert found["last.grad_norm2"][3] / epsilon**2 == pytest.approx(1.0, rel=1e-2)


def test_newtons_decrement_has_twice_the_floor_of_the_gap() -> None:
    """λ² = eᵀHe is 2(R − R*) of a quadratic, along a run and at its end."""
    problem, setting = exact("least_squares").problem, gradient_setting(0.01, L=1.0, mu=1e-3)
    measured = {"last": {name: np.ones((1, 3)) for name in ("grad_norm2", "dist2", "decrement2")}}
    found = floors.along(problem, setting, np.array([0, 10, 1000]), measured)
    assert found["last.decrement2"][1:] == pytest.approx(2 * found["last.gap"][1:], rel=1e-12)
    ends = final_floors.limits(problem, setting)
    assert ends["decrement2"] == 2 * ends["gap"] > 0


def test_without_a_method_that_is_understood_one_number_serves() -> None:
    problem = exact("least_squares").problem
    setting = gradient_setting(0.1, L=1.0, mu=0.1)
    assert along(setting, [0, 1], 1.0, problem)
    for changed in ({"traits": setting.traits - {"convex"}}, {"known": {}}, {"hyper": {}}):
        other = setting.__class__(**{**vars(setting), **changed})
        assert along(other, [0, 1], 1.0, problem) == {}


def test_a_run_that_diverges_has_no_infinite_floor() -> None:
    found = along(gradient_setting(1e9, L=1.0, mu=0.1), [0, 10, 10**6], 1e150, exact("least_squares").problem)
    assert all(np.isfinite(floor).all() for floor in found.values())
