"""Lower bounds on Nesterov's chain against every span method at hand, by linear algebra and plain loops."""

from __future__ import annotations

import dataclasses
import importlib
import math

import mpmath
import numpy as np
import pytest

from convlab.core.setting import Known, Setting
from convlab.lab.judge import judge
from tests.running import run

SMOOTH = importlib.import_module("convlab.theorems.smooth_convex_lower_bound").THEOREM
STRONG = importlib.import_module("convlab.theorems.strongly_convex_lower_bound").THEOREM


def matrix(d: int, L: float, mu: float) -> tuple[np.ndarray, np.ndarray]:
    """The chain as xᵀAx/2 − bᵀx."""
    springs = 2 * np.eye(d) - np.eye(d, k=1) - np.eye(d, k=-1)
    return (L - mu) / 4 * springs + mu * np.eye(d), (L - mu) / 4 * np.eye(d)[0]


def setting(d: int, L: float, mu: float, horizon: int = 10, **written: object) -> Setting:
    A, b = matrix(d, L, mu)
    gap = float(b @ np.linalg.solve(A, b)) / 2
    return Setting(
        *("nesterov_chain", "exact", "gd"),
        horizon=horizon,
        traits=frozenset({"gradient step", "exact oracle"}),
        known={"initial_gap": Known(gap, "exact")},
        problem_parameters={"dimension": d, "L": L, "mu": mu, **written},
    )


def best_of_the_span(d: int, L: float, mu: float, T: int) -> np.ndarray:
    """The point of the Krylov space of T gradients with the least value: what conjugate gradients would reach."""
    A, b = matrix(d, L, mu)
    x = np.zeros(d)
    x[:T] = np.linalg.solve(A[:T, :T], b[:T])
    return x


@pytest.mark.parametrize("d", [1, 2, 5, 21])
@pytest.mark.parametrize("L", [1.0, 3.5])
def test_smooth_bound_is_the_least_value_on_the_first_coordinates(d: int, L: float) -> None:
    A, b = matrix(d, L, 0.0)
    where, star = setting(d, L, 0.0), np.linalg.solve(A, b)
    for T in range(d):
        e = best_of_the_span(d, L, 0.0, T) - star
        assert math.exp(SMOOTH.log_bound(where, T)) == pytest.approx(float(e @ A @ e) / 2, rel=1e-9)
        assert math.exp(SMOOTH.log_bound(where, T)) == pytest.approx(L / 8 * (1 / (T + 1) - 1 / (d + 1)), rel=1e-12)
    assert SMOOTH.log_bound(where, d) == SMOOTH.log_bound(where, 5 * d) == -math.inf


@pytest.mark.parametrize("T", [1, 2, 10, 1000])
def test_the_classical_form_in_the_distance_is_below(T: int) -> None:
    d = 2 * T + 1
    D2 = d * (2 * d + 1) / (6 * (d + 1))
    exact = 1 / 8 * (1 / (T + 1) - 1 / (d + 1))
    assert exact == pytest.approx(1 / (16 * (T + 1)), rel=1e-12)
    assert exact >= 3 * D2 / (32 * (T + 1) ** 2)
    if d < 100:
        A, b = matrix(d, 1.0, 0.0)
        assert float(np.linalg.norm(np.linalg.solve(A, b)) ** 2) == pytest.approx(D2, rel=1e-12)


@pytest.mark.parametrize(("d", "L", "mu"), [(1, 2.0, 0.5), (4, 9.0, 1.0), (12, 1.0, 1e-6), (60, 9.0, 1.0)])
def test_strongly_convex_bound_is_the_tail_of_the_minimiser(d: int, L: float, mu: float) -> None:
    with mpmath.workdps(60):
        springs = mpmath.matrix(d, d)
        for i in range(d):
            for j in range(d):
                springs[i, j] = 2 if i == j else -1 if abs(i - j) == 1 else 0
        weight = (mpmath.mpf(L) - mpmath.mpf(mu)) / 4
        right = mpmath.matrix(d, 1)
        right[0] = weight
        star = mpmath.lu_solve(weight * springs + mpmath.mpf(mu) * mpmath.eye(d), right)
        tail = [float(sum(star[i] ** 2 for i in range(T, d))) for T in range(d)]
    where = setting(d, L, mu)
    for T in range(d):
        assert math.exp(STRONG.log_bound(where, T)) == pytest.approx(tail[T], rel=1e-11)
        assert d == T + 1 or math.exp(STRONG.log_bound(where, T + 1)) < tail[T]
    assert STRONG.log_bound(where, d) == -math.inf


def test_a_long_chain_does_not_underflow_and_tends_to_powers_of_q() -> None:
    where = setting(3, 9.0, 1.0, dimension=2000)
    for t in (0, 500, 1500):
        assert STRONG.log_bound(where, t) == pytest.approx(-(2 * t + 2) * math.log(2) - math.log(3 / 4), rel=1e-12)
    assert STRONG.rate is not None
    assert STRONG.rate.value(where) == pytest.approx(-2 * math.log(2), rel=1e-14)


@pytest.mark.parametrize("kappa", [2.0, 9.0, 144.0])
def test_polyak_s_heavy_ball_moves_along_the_powers_of_q(kappa: float) -> None:
    """x_t = (q, …, q^t, 0, …) on a chain long enough; and the momentum of a neighbour is slower."""
    L, mu, d, T = kappa, 1.0, 400, 20
    A, b = matrix(d, L, mu)
    q = (math.sqrt(kappa) - 1) / (math.sqrt(kappa) + 1)
    step = 4 / (math.sqrt(L) + math.sqrt(mu)) ** 2
    x, before = np.zeros(d), np.zeros(d)
    for t in range(1, T + 1):
        x, before = x - step * (A @ x - b) + q**2 * (x - before), x
        assert x[:t] == pytest.approx(q ** np.arange(1, t + 1), rel=1e-12, abs=1e-13)
        assert not x[t:].any()
    e = x - np.linalg.solve(A, b)
    bound = math.exp(STRONG.log_bound(setting(d, L, mu), T))
    assert float(e @ e) == pytest.approx(bound, rel=1e-6)
    assert math.exp(STRONG.log_bound(setting(d, L, mu), T - 1)) > float(e @ e), "one step earlier it would fail"


def test_two_steps_of_a_heavy_ball_are_the_best_two() -> None:
    A, b = matrix(5, 1.0, 0.0)
    first = 4 / math.sqrt(3) * b
    second = first - 4 / math.sqrt(3) * (A @ first - b) + (4 / math.sqrt(3) - 2) * first
    assert second == pytest.approx([2 / 3, 1 / 3, 0, 0, 0], abs=1e-15)
    star = np.linalg.solve(A, b)
    where = setting(5, 1.0, 0.0, horizon=2)
    for t, x in ((1, first), (2, second)):
        gap = float((x - star) @ A @ (x - star)) / 2
        assert SMOOTH.instance.expected(where, t) == pytest.approx(gap, rel=1e-12)
        assert math.exp(SMOOTH.log_bound(where, t)) <= gap * (1 + 1e-12)
    assert math.exp(SMOOTH.log_bound(where, 1)) > gap * 1.5, "one step earlier it would fail"


METHODS = (
    {"name": "gd", "step_size": "1.9/L"},
    {"name": "gd", "line_search": "exact"},
    {"name": "gd", "step_size": "4/L", "line_search": "backtracking"},
    {"name": "heavy_ball", "step_size": "2/L", "momentum": 0.6},
    {"name": "nesterov", "step_size": "1/L"},
    {"name": "polyak"},
)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: "-".join(map(str, method.values())))
@pytest.mark.parametrize(("theorem", "mu"), [(SMOOTH, 0.0), (STRONG, "L/50")], ids=["smooth", "strongly convex"])
def test_no_method_of_the_catalogue_is_faster(theorem, mu, method) -> None:  # type: ignore[no-untyped-def]
    problem = {"name": "nesterov_chain", "dimension": "T+2", "L": 2.0, "mu": mu}
    (trace,) = run(problem, [method], horizon=15, every_step=True)
    verdict = judge("lower", theorem, [trace], (0,), "trajectory")
    assert verdict.ruling == "holds", verdict.why
    too_high = dataclasses.replace(theorem, log_bound=lambda s, t: theorem.log_bound(s, max(t - 1, 0)) + math.log(1e3))
    assert judge("lower", too_high, [trace], (0,), "trajectory").ruling == "violated"


def test_beyond_the_last_link_it_says_nothing_and_is_not_violated() -> None:
    problem = {"name": "nesterov_chain", "dimension": 3, "L": 2.0}
    (trace,) = run(problem, [{"name": "gd", "step_size": "1/L"}], horizon=40, every_step=True)
    assert judge("lower", SMOOTH, [trace], (0,), "trajectory").ruling == "holds"


def why(theorem, problem, optimizer) -> str:  # type: ignore[no-untyped-def]
    (trace,) = run(problem, [optimizer], horizon=3)
    verdict = judge("lower", theorem, [trace], (0,), "trajectory")
    assert verdict.ruling == "not applicable"
    return str(verdict.why)


def test_what_makes_them_not_applicable() -> None:
    gd, chain = {"name": "gd", "step_size": "1/L"}, {"name": "nesterov_chain", "dimension": 4}
    assert why(SMOOTH, {**chain, "mu": "L/8"}, gd) == "needs a chain with mu = 0: mu = 0.125"
    assert why(STRONG, chain, gd) == "needs a chain with mu > 0: mu = 0"
    newton = {"name": "newton", "step_size": 1.0}
    assert why(SMOOTH, chain, newton).startswith("needs a method whose points stay in theta_0 + the span")
    assert why(SMOOTH, {"name": "huber"}, gd) == "needs Nesterov's chain: the problem is 'huber'"
    bare = dataclasses.replace(setting(4, 1.0, 0.0), problem_parameters={})
    (trace,) = run(chain, [gd], horizon=3)
    trace = dataclasses.replace(trace, setting=bare)
    assert judge("lower", SMOOTH, [trace], (0,), "trajectory").why == "dimension is unknown"
