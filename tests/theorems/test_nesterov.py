"""Nesterov's accelerated gradient: bounds against plain loops, other convex functions, and exact certificates."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest

from convlab.core.setting import Hyper, Known, Setting
from convlab.core.theorem import Theorem
from convlab.lab.judge import judge
from tests.running import run

SMOOTH = ("nesterov_smooth_convex", "nesterov_fista")
NAMES = (*SMOOTH, "nesterov_strongly_convex")
THEOREMS: dict[str, Theorem] = {name: importlib.import_module(f"convlab.theorems.{name}").THEOREM for name in NAMES}
Gradient = Callable[[np.ndarray], Any]


def setting(horizon: int, step_size: float = 1.0, kappa: float | None = None, **known: float) -> Setting:
    hyper = {"step_size": Hyper(repr(step_size), step_size)}
    if kappa is not None:
        hyper["kappa"] = Hyper(repr(kappa), kappa)
    facts = {name: Known(value, "exact") for name, value in known.items()}
    return Setting("by hand", "exact", "nesterov", horizon=horizon, known=facts, hyper=hyper)


def momenta(name: str, horizon: int, kappa: float = 1.0) -> list[float]:
    """β_0, β_1, … as the definitions write them."""
    if name == "nesterov_smooth_convex":
        return [i / (i + 3) for i in range(horizon)]
    if name == "nesterov_strongly_convex":
        return [(math.sqrt(kappa) - 1) / (math.sqrt(kappa) + 1)] * horizon
    sizes = lambdas(horizon + 1)
    return [(sizes[i] - 1) / sizes[i + 1] for i in range(horizon)]


def lambdas(count: int) -> list[float]:
    """λ_1 … λ_count from λ² − λ = (the last λ)², in 40 digits."""
    with mpmath.workdps(40):
        found = [mpmath.mpf(1)]
        for _ in range(count - 1):
            found.append((1 + mpmath.sqrt(1 + 4 * found[-1] ** 2)) / 2)
        return [float(size) for size in found]


def accelerated(gradient: Gradient, start: np.ndarray, step_size: float, betas: list[float]) -> list[np.ndarray]:
    """x_0 … x_T."""
    x = y = start
    path = [x]
    for beta in betas:
        following = y - step_size * gradient(y)
        y, x = following + beta * (following - x), following
        path.append(x)
    return path


def bound(name: str, facts: Setting, t: int) -> float:
    log_bound = THEOREMS[name].log_bound
    assert log_bound is not None
    return math.exp(log_bound(facts, t))


def huber_gap(name: str, horizon: int, kink: float, step_size: float = 1.0) -> float:
    def gradient(x: np.ndarray) -> Any:
        return np.clip(x, -kink, kink)

    (x,) = accelerated(gradient, np.array([1.0]), step_size, momenta(name, horizon))[-1]
    return float(x**2 / 2 if abs(x) <= kink else kink * (abs(x) - kink / 2))


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("horizon", [1, 2, 9, 100, 400])
def test_hubers_function_by_the_loop(name: str, horizon: int) -> None:
    facts = setting(horizon, L=1.0, D=1.0)
    gap = huber_gap(name, horizon, 4 / (horizon**2 + 5 * horizon + 6))
    assert THEOREMS[name].instance.expected(facts, horizon) == pytest.approx(gap, rel=1e-12)
    assert gap <= bound(name, facts, horizon)


@pytest.mark.parametrize("horizon", [1, 5, 100])
def test_the_simple_momentum_between_its_proved_and_its_worst_constant(horizon: int) -> None:
    """2/((T + 2)(T + 3)) is reached, so of 2/(T + k)² k = 3 is false; what lies between is the slack that is told."""
    name = "nesterov_smooth_convex"
    proved = bound(name, setting(horizon, L=1.0, D=1.0), horizon)
    assert proved == pytest.approx(2 / (horizon + 1) ** 2, rel=1e-12)
    gap = huber_gap(name, horizon, 4 / (horizon**2 + 5 * horizon + 6))
    assert gap == pytest.approx(2 / ((horizon + 2) * (horizon + 3)), rel=1e-12)
    assert gap > 2 / (horizon + 3) ** 2
    around = [
        huber_gap(name, horizon, factor * 4 / (horizon**2 + 5 * horizon + 6)) for factor in (0.9, 0.99, 1.01, 1.1)
    ]
    assert max(around) < gap


def test_fistas_index_matters() -> None:
    horizon, sizes = 100, lambdas(102)
    gap = huber_gap("nesterov_fista", horizon, 4 / (horizon**2 + 5 * horizon + 6))
    assert bound("nesterov_fista", setting(horizon, L=1.0, D=1.0), horizon) == pytest.approx(1 / (2 * sizes[99] ** 2))
    assert gap <= 1 / (2 * sizes[99] ** 2)
    assert gap > 1 / (2 * sizes[100] ** 2), "λ_{T+1} in place of λ_T is refuted"


def test_fistas_bound_far_out() -> None:
    """λ_T ≥ (T + 1)/2 up to a million steps, and T/2 + (ln T)/4 + 0.3232… in the limit."""
    for horizon in (1, 2, 3, 1000, 2**16, 2**16 + 1, 10**6):
        size = 1 / math.sqrt(2 * bound("nesterov_fista", setting(horizon, L=1.0, D=1.0), horizon))
        assert size >= (horizon + 1) / 2 * (1 - 1e-12)
        assert horizon < 1000 or 0.3232 < size - horizon / 2 - math.log(horizon) / 4 < 0.3243
    exact = lambdas(3000)[-1]
    assert bound("nesterov_fista", setting(3000, L=1.0, D=1.0), 3000) == pytest.approx(1 / (2 * exact**2), rel=1e-11)


def random_convex(generator: np.random.Generator) -> tuple[Gradient, Callable[[np.ndarray], float]]:
    """Sums of Huber functions of several directions, kinks over six decades, all minimal at 0, with L ≤ 1."""
    rows = generator.standard_normal((4, 3)) * 10 ** generator.uniform(-2, 0, (4, 1))
    rows /= np.linalg.norm(rows, 2)
    kinks = 10 ** generator.uniform(-5, 1, 4)

    def value(x: np.ndarray) -> float:
        size = np.abs(rows @ x)
        return float(np.sum(np.where(size <= kinks, size**2 / 2, kinks * (size - kinks / 2))))

    return lambda x: rows.T @ np.clip(rows @ x, -kinks, kinks), value


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("step_size", [1.0, 0.6, 0.05])
def test_no_random_convex_function_exceeds_it(name: str, step_size: float) -> None:
    generator = np.random.default_rng(7)
    worst = 0.0
    for _ in range(60):
        gradient, value = random_convex(generator)
        start = generator.standard_normal(3)
        facts = setting(60, step_size, L=1.0, D=float(np.linalg.norm(start)))
        path = accelerated(gradient, start, step_size, momenta(name, 60))
        worst = max(worst, *(value(path[t]) / bound(name, facts, t) for t in range(1, 61)))
    assert 0.1 < worst <= 1


@pytest.mark.parametrize(("step_size", "kappa"), [(1.0, 25.0), (0.5, 50.0), (1.0, 80.0), (0.1, 250.0)])
def test_no_strongly_convex_function_exceeds_it(step_size: float, kappa: float) -> None:
    """Random Huber sums plus a ridge: L = 1, mu = 0.04. Shorter steps and a larger kappa are covered."""
    generator, mu, worst = np.random.default_rng(11), 0.04, 0.0
    for _ in range(60):
        gradient, value = random_convex(generator)
        start = generator.standard_normal(3)
        distance = float(np.linalg.norm(start))

        def slope(x: np.ndarray, gradient: Gradient = gradient) -> Any:
            return 0.96 * gradient(x) + mu * x

        def gap(x: np.ndarray, value: Callable[[np.ndarray], float] = value) -> float:
            return 0.96 * value(x) + mu / 2 * float(x @ x)

        facts = setting(80, step_size, kappa, L=1.0, mu=mu, D=distance, initial_gap=gap(start))
        assert THEOREMS["nesterov_strongly_convex"].assumes[-1].holds(facts)
        path = accelerated(slope, start, step_size, momenta("nesterov_strongly_convex", 80, kappa))
        ratios = (gap(path[t]) / bound("nesterov_strongly_convex", facts, t) for t in range(1, 81))
        worst = max(worst, *ratios)
    assert 0.1 < worst <= 1


def along_mu(q: float, horizon: int) -> float:
    """The gap along the eigenvector of mu = q, L = 1, D = 1."""
    betas = momenta("nesterov_strongly_convex", horizon, 1 / q)
    return float(q / 2 * accelerated(lambda x: q * x, np.array([1.0]), 1.0, betas)[-1][0] ** 2)


@pytest.mark.parametrize("horizon", [1, 7, 100])
def test_along_the_eigenvector_of_mu_the_root_is_double(horizon: int) -> None:
    q = 1 / 400
    r = 1 - math.sqrt(q)
    facts = setting(horizon, 1.0, 400.0, L=1.0, mu=q, D=1.0, initial_gap=q / 2)
    gap = along_mu(q, horizon)
    assert THEOREMS["nesterov_strongly_convex"].instance.expected(facts, horizon) == pytest.approx(gap, rel=1e-11)
    assert gap == pytest.approx(q / 2 * r ** (2 * horizon) * (1 + math.sqrt(q) * horizon) ** 2, rel=1e-11)
    share = r**horizon * (1 + math.sqrt(q) * horizon) ** 2 / 2
    assert gap == pytest.approx(share * bound("nesterov_strongly_convex", facts, horizon), rel=1e-11)


def test_the_neighbours_of_the_strongly_convex_bound_are_refuted() -> None:
    r, q = 0.5, 0.25
    assert along_mu(q, 1) > r ** (1 + 1) * q, "one factor more"
    assert along_mu(1e-4, 100) > 0.99**100 * 1e-4 / 2, "without the term in D"


def test_what_makes_them_not_applicable() -> None:
    strongly = THEOREMS["nesterov_strongly_convex"].assumes[-1]
    known = {"L": 4.0, "mu": 1.0, "D": 1.0, "initial_gap": 1.0}
    assert strongly.holds(setting(9, 0.25, 4.0, **known))
    assert not strongly.holds(setting(9, 0.25, 3.99, **known))
    assert not strongly.holds(setting(9, 0.125, 4.0, **known))
    assert strongly.finding is not None
    assert strongly.finding(setting(9, 0.25, 3.99, **known)) == "kappa = 3.99 is below 4"
    problem = {"name": "quadratic", "dimension": 3, "mu": 0.1}
    other = {"nesterov_smooth_convex": "fista", "nesterov_fista": "simple"}
    for name in SMOOTH:
        theorem = THEOREMS[name]
        optimizer = {"name": "nesterov", "step_size": "1/L", "momentum": other[name]}
        verdict = judge(name, theorem, run(problem, [optimizer]), (0,), "trajectory")
        assert (verdict.ruling, "momentum" in verdict.why) == ("not applicable", True)
        longer = theorem.instance.spec["optimizer"] | {"step_size": "1.01/L"}
        verdict = judge(name, theorem, run(problem, [longer]), (0,), "trajectory")
        assert (verdict.ruling, "exceeds 1/L" in verdict.why) == ("not applicable", True)


@pytest.mark.parametrize("name", NAMES)
def test_a_long_run_down_to_nothing_holds(name: str) -> None:
    optimizer = dict(THEOREMS[name].instance.spec["optimizer"])
    problem = {"name": "quadratic", "dimension": 6, "L": 4.0, "mu": 1.0}
    trace = run(problem, [optimizer], horizon=3000)
    assert trace[0].measured["last"]["gap"][0, -1] < 1e-300
    verdict = judge(name, THEOREMS[name], trace, (0,), "trajectory")
    assert verdict.ruling == "holds", verdict.why


def chain(horizon: int, weights: list[Fraction]) -> list[list[Fraction]]:
    """M of the inequality R(x_T) − R* ≤ ⟨Σ β_k g_k, x_0 − x*⟩ − gᵀMg (L = 1) that the weights β make.

    It sums β_k times R(p_k) − R* ≤ ⟨g_k, p_k − x*⟩ − ‖g_k‖²/2 and β_0 + … + β_{k−1} times R(p_k) − R(p_{k−1}) ≤
    ⟨g_k, p_k − p_{k−1}⟩ − ‖g_k − g_{k−1}‖²/2, over p = y_0, …, y_{T−1}, x_T.
    """
    size = horizon + 1
    zero = [Fraction(0)] * size
    unit = [[Fraction(int(i == k)) for i in range(size)] for k in range(size)]
    points, x, y = [], zero, zero  # each as x_0 minus a combination of gradients
    for i in range(horizon):
        points.append(y)
        following = [a + b for a, b in zip(y, unit[i], strict=True)]
        y = [a + Fraction(i, i + 3) * (a - b) for a, b in zip(following, x, strict=True)]
        x = following
    points.append(x)
    form = [[Fraction(0)] * size for _ in range(size)]
    for k in range(size):
        before = sum(weights[:k], Fraction(0))
        last, lower = (points[k - 1], unit[k - 1]) if k else (zero, zero)
        for j in range(size):
            form[k][j] += weights[k] * (points[k][j] + unit[k][j] / 2) + before * (points[k][j] - last[j])
            for i in range(size):
                form[i][j] += before * (unit[k][i] - lower[i]) * (unit[k][j] - lower[j]) / 2
    return [[(form[i][j] + form[j][i]) / 2 for j in range(size)] for i in range(size)]


def eliminated(matrix: list[list[Fraction]]) -> list[Fraction]:
    """Gauss without exchange of rows, in place; the pivots."""
    pivots = []
    for k in range(len(matrix)):
        pivots.append(matrix[k][k])
        for i in range(k + 1, len(matrix)):
            if matrix[i][k]:
                factor = matrix[i][k] / matrix[k][k]
                matrix[i] = [a - factor * b for a, b in zip(matrix[i], matrix[k], strict=True)]
    return pivots


@pytest.mark.parametrize("horizon", range(1, 16))
def test_exact_multipliers_prove_the_worst_constant(horizon: int) -> None:
    """M − ββᵀ/(4C) ⪰ 0 at C = 2/((T + 2)(T + 3)), with the nullvector 1 that Huber's linear part asks for."""
    size, constant = horizon + 1, Fraction(2, (horizon + 2) * (horizon + 3))
    columns = []
    for k in range(size):
        form = chain(horizon, [Fraction(int(i == k)) for i in range(size)])
        columns.append([sum(form[i], Fraction(0)) - Fraction(int(i == k)) / (4 * constant) for i in range(size)])
    system = [[*(columns[k][i] for k in range(size)), Fraction(0)] for i in range(size - 1)]
    system.append([Fraction(1)] * (size + 1))  # Σβ = 1 in place of the last row, which follows from the others
    eliminated(system)
    weights = [Fraction(0)] * size
    for i in reversed(range(size)):
        known = sum((system[i][j] * weights[j] for j in range(i + 1, size)), Fraction(0))
        weights[i] = (system[i][size] - known) / system[i][i]
    form = chain(horizon, weights)
    slack = [[form[i][j] - weights[i] * weights[j] / (4 * constant) for j in range(size)] for i in range(size)]
    assert min(weights) > 0
    assert sum(weights) == 1
    assert all(sum(row) == 0 for row in slack)
    assert min(eliminated([row[:-1] for row in slack[:-1]])) > 0  # definite beside 1, hence semidefinite
