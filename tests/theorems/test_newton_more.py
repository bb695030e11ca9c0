"""Newton's method on self-concordant and degenerate functions: bounds against Newton steps in many digits."""

from __future__ import annotations

import importlib
import math

import mpmath
import numpy as np
import pytest

from convlab.core.setting import Known, Setting
from convlab.core.theorem import Theorem
from convlab.core.verdict import Verdict
from convlab.lab.judge import judge
from tests.running import run

NAMES = ("damped_newton_decrease", "damped_newton_quadratic", "newton_self_concordant", "newton_degenerate")
THEOREMS: dict[str, Theorem] = {name: importlib.import_module(f"convlab.theorems.{name}").THEOREM for name in NAMES}


def setting(horizon: int = 1, problem: str = "by hand", **known: float) -> Setting:
    facts = {name: Known(value, "exact") for name, value in known.items()}
    return Setting(problem, "exact", "newton", horizon=horizon, known=facts)


def log_step(name: str, previous: float) -> float:
    step = THEOREMS[name].log_step
    assert step is not None
    return step(setting(), previous)


def verdict(name: str, start: float, optimizer: str = "damped_newton", horizon: int = 12) -> Verdict:
    problem = {"name": "log_barrier", "start": start}
    (trace,) = run(problem, [{"name": optimizer}], horizon=horizon, every_step=True)
    return judge(name, THEOREMS[name], [trace], (0,), "trajectory")


def newton(x: mpmath.mpf, damped: bool) -> mpmath.mpf:
    """A step on x − ln x, from f' and f''."""
    slope, curvature = 1 - 1 / x, 1 / x**2
    decrement = abs(slope) / mpmath.sqrt(curvature)
    return x - slope / curvature / (1 + decrement if damped else 1)


@pytest.mark.parametrize("decrement", ["1e-160", "1e-9", "0.01", "0.3", "0.5", "0.500001", "2", "1e8"])
def test_omega_to_full_precision(decrement: str) -> None:
    with mpmath.workdps(500):
        lam = mpmath.mpf(float(mpmath.mpf(decrement)))
        truth = float(mpmath.log(lam - mpmath.log1p(lam)))
        half = float(mpmath.log(lam**2 / 2))
    found = log_step("damped_newton_decrease", float(decrement) ** 2)
    # what is given is λ² in float64, which for 1e-160 has few digits left
    assert found == pytest.approx(truth, abs=1e-14 * abs(truth) if float(decrement) > 1e-150 else 1e-3)
    assert found < half or decrement == "1e-160"
    assert log_step("damped_newton_decrease", 0.0) == -math.inf


@pytest.mark.parametrize("start", ["1.0001", "3", "1e5"])
def test_from_the_right_one_damped_step_leads_to_the_minimiser(start: str) -> None:
    with mpmath.workdps(60):
        x = mpmath.mpf(start)
        assert newton(x, damped=True) == 1
        gap = x - mpmath.log(x) - 1
        facts = setting(D=float(x - 1))
        instance = THEOREMS["damped_newton_decrease"].instance
        assert instance.start is not None
        assert instance.expected(facts, 1) == pytest.approx(float(gap), rel=1e-10)
        bound = math.exp(log_step("damped_newton_decrease", instance.start(facts, 0)))
        assert bound == pytest.approx(float(gap), rel=1e-10)
        assert float(x - 1) ** 2 / 2 > float(gap), "λ²/2 in place of ω is refuted"


def test_closed_forms_of_the_barrier() -> None:
    pure, damped = THEOREMS["newton_self_concordant"].instance, THEOREMS["damped_newton_quadratic"].instance
    with mpmath.workdps(200):
        x, y = mpmath.mpf("1.5"), mpmath.mpf("0.5")
        for t in range(6):
            assert pure.expected(setting(D=0.5), t) == pytest.approx(float((x - 1) ** 2), rel=1e-12)
            assert damped.expected(setting(D=0.5), t) == pytest.approx(float((y - 1) ** 2), rel=1e-12)
            x, y = newton(x, damped=False), newton(y, damped=True)
            before = damped.expected(setting(D=0.5), t)
            share = 1 / (1 + math.sqrt(before)) ** 2
            bound = math.exp(log_step("damped_newton_quadratic", before))
            assert float((y - 1) ** 2) == pytest.approx(share * bound, rel=1e-12)


def test_two_is_the_constant_of_damped_newton() -> None:
    a = 1e-4
    with mpmath.workdps(60):
        after = float(abs(newton(1 - mpmath.mpf(a), damped=True) - 1))
    assert 1.999 * a**2 < after < 2 * a**2
    assert 2 * math.log(after) <= log_step("damped_newton_quadratic", a**2)


def barrier_step(cost: np.ndarray, rows: np.ndarray, x: np.ndarray) -> tuple[float, np.ndarray]:
    """λ and the Newton direction of c·x − Σ ln(1 − A_i x)."""
    scaled = rows / (1 - rows @ x)[:, None]
    gradient = cost + scaled.sum(axis=0)
    direction = np.linalg.solve(scaled.T @ scaled, gradient)
    return math.sqrt(float(gradient @ direction)), direction


def test_random_barriers_obey_all_three_bounds() -> None:
    """From random points of random polytopes in three dimensions, with decrements from 0.05 to 30."""
    generator, pure_steps, nearest = np.random.default_rng(5), 0, math.inf
    for target in np.geomspace(0.05, 30, 300):
        rows, x = generator.standard_normal((8, 3)), generator.standard_normal(3)
        x *= generator.uniform(0, 0.98) / max(1e-3, float((rows @ x).max()))
        tilt = generator.standard_normal(3)
        level = -(rows / (1 - rows @ x)[:, None]).sum(axis=0)  # with this cost x is the minimiser
        cost = level + tilt * target / barrier_step(level + tilt, rows, x)[0]
        decrement, direction = barrier_step(cost, rows, x)
        assert decrement == pytest.approx(target, rel=1e-6)
        damped = x - direction / (1 + decrement)
        before, after = (float(cost @ z - np.log(1 - rows @ z).sum()) for z in (x, damped))
        bound = math.exp(log_step("damped_newton_decrease", decrement**2))
        assert before - after >= bound * (1 - 1e-9)
        nearest = min(nearest, (before - after) / bound)
        following, _ = barrier_step(cost, rows, damped)
        assert 2 * math.log(following) <= log_step("damped_newton_quadratic", decrement**2)
        if decrement < 1:
            following, _ = barrier_step(cost, rows, x - direction)
            assert 2 * math.log(following) <= log_step("newton_self_concordant", decrement**2)
            pure_steps += 1
    assert pure_steps > 100
    assert nearest < 1.1


@pytest.mark.parametrize("decrement", [0.2, 0.5, 0.8])
def test_the_pure_bound_is_not_the_square(decrement: float) -> None:
    """f''(s)^(−1/2) = u(s) with |u'| = 1 is self-concordance with equality: u = 1 − s up to m, 1 − 2m + s beyond.

    Of logarithmic barriers λ' ≤ λ² is true; on this function it is false, and (λ/(1 − λ))² holds.
    """
    worst = 0.0
    for m in np.linspace(0, decrement, 41):
        points = np.linspace(0, decrement, 20001)
        curvature = np.where(points <= m, 1 - points, 1 - 2 * m + points) ** -2.0
        slope = float(np.trapezoid(curvature, points)) - decrement
        following = abs(slope) / math.sqrt(curvature[-1])
        assert following**2 <= math.exp(log_step("newton_self_concordant", decrement**2))
        worst = max(worst, following)
    assert worst > decrement**2 * 1.01


@pytest.mark.parametrize("start", [3.0, 1.001, 2.0, 0.5, 1e-3, 0.999999])
@pytest.mark.parametrize("name", ["damped_newton_decrease", "damped_newton_quadratic"])
def test_runs_that_end_at_the_minimiser_or_far_from_it_hold(name: str, start: float) -> None:
    """From x_0 > 1 the second point is the minimiser: gap, decrement and decrease 0. The warnings are errors here."""
    found = verdict(name, start)
    assert found.ruling == "holds", found.why


@pytest.mark.parametrize("start", [1.999, 1.5, 0.5, 1e-3, 1.00001])
def test_pure_runs_hold_down_to_underflow(start: float) -> None:
    found = verdict("newton_self_concordant", start, "newton")
    assert found.ruling == "holds", found.why


@pytest.mark.parametrize("start", [2.0, 3.0])
def test_a_pure_step_that_leaves_the_domain_refutes_nothing(start: float) -> None:
    """λ_0 ≥ 1, and the theorem says nothing."""
    found = verdict("newton_self_concordant", start, "newton")
    assert found.ruling != "violated", found.why


def test_each_kind_of_step_has_its_own_theorem() -> None:
    assert "damped Newton steps" in verdict("damped_newton_decrease", 1.5, "newton").why
    assert "full Newton steps" in verdict("newton_self_concordant", 1.5).why
    (trace,) = run({"name": "power"}, [{"name": "damped_newton"}], horizon=3, every_step=True)
    found = judge("damped_newton_decrease", THEOREMS["damped_newton_decrease"], [trace], (0,), "trajectory")
    assert (found.ruling, "self-concordant" in found.why) == ("not applicable", True)


@pytest.mark.parametrize("p", [2.25, 3.0, 4.0, 7.5, 100.0])
@pytest.mark.parametrize("D", [0.8, 1.0, 1.3])
def test_the_degenerate_minimiser_by_newton_steps(p: float, D: float) -> None:
    theorem = THEOREMS["newton_degenerate"]
    assert theorem.log_bound is not None
    facts = setting(problem="power", L=(p - 1) * D ** (p - 2), D=D, initial_gap=D**p / p)
    assert theorem.assumes[-1].holds(facts)
    with mpmath.workdps(60):
        exponent, x = mpmath.mpf(p), mpmath.mpf(D)
        for t in range(40):
            gap = float(mpmath.log(x**exponent / exponent))
            assert theorem.log_bound(facts, t) == pytest.approx(gap, rel=1e-12, abs=1e-12)
            x -= x ** (exponent - 1) / ((exponent - 1) * x ** (exponent - 2))
    if p == 4.0:
        assert theorem.rate is not None
        assert math.exp(theorem.rate.value(facts)) == pytest.approx(16 / 81, rel=1e-12)
        assert theorem.instance.expected(facts, 3) == pytest.approx((16 / 81) ** 3 * D**4 / 4, rel=1e-12)


@pytest.mark.parametrize("p", [2.05, 3.0, 4.0, 30.0])
def test_the_degenerate_run_holds_with_equality(p: float) -> None:
    """Down to gaps of 1e-300 and below, where θ's powers underflow; a bound one step ahead is refuted."""
    theorem = THEOREMS["newton_degenerate"]
    (trace,) = run({"name": "power", "p": p, "D": 0.7}, [{"name": "newton"}], horizon=500)
    found = judge("newton_degenerate", theorem, [trace], (0,), "trajectory")
    assert (found.ruling, "the bound is attained" in found.why) == ("holds", True), found.why
    ahead = Theorem(**{**vars(theorem), "log_bound": lambda s, t: theorem.log_bound(s, t + 1)})  # type: ignore[misc]
    assert judge("newton_degenerate", ahead, [trace], (0,), "trajectory").ruling == "violated"


def test_the_degenerate_theorem_is_about_powers_alone() -> None:
    (trace,) = run({"name": "cubic"}, [{"name": "newton"}], horizon=5)
    found = judge("newton_degenerate", THEOREMS["newton_degenerate"], [trace], (0,), "trajectory")
    assert (found.ruling, "the problem is 'cubic'" in found.why) == ("not applicable", True)
