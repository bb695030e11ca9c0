"""Gradient descent's bounds against plain loops, in 40 digits where equality is claimed."""

from __future__ import annotations

import math
from collections.abc import Callable

import mpmath
import numpy as np
import pytest
from instances import THEOREMS, setting_of

CONVEX = THEOREMS["gd_smooth_convex"]
DISTANCE = THEOREMS["gd_strongly_convex_distance"]
GAP = THEOREMS["gd_strongly_convex_gap"]


def descend(derivative: Callable[[mpmath.mpf], mpmath.mpf], x: mpmath.mpf, eta: mpmath.mpf, T: int) -> mpmath.mpf:
    for _ in range(T):
        x = x - eta * derivative(x)
    return x


@pytest.mark.parametrize("T", [1, 2, 5, 10, 50])
@pytest.mark.parametrize("h", ["0.1", "0.5", "1", "1.5", "1.8", "1.95"])
@pytest.mark.parametrize(("L", "D"), [("1", "1"), ("3", "0.7")])
def test_smooth_convex_is_the_worst_of_huber_and_the_quadratic(T: int, h: str, L: str, D: str) -> None:
    with mpmath.workdps(40):
        smooth, distance, step = mpmath.mpf(L), mpmath.mpf(D), mpmath.mpf(h)
        kink = distance / (2 * T * step + 1)
        x = descend(lambda x: smooth * max(-kink, min(kink, x)), distance, step / smooth, T)
        on_huber = smooth * (x**2 / 2 if abs(x) <= kink else kink * abs(x) - kink**2 / 2)
        y = descend(lambda x: smooth * x, distance, step / smooth, T)
        worst = max(on_huber, smooth * y**2 / 2)
        setting = setting_of("gd_smooth_convex", T, float(step / smooth), L=float(smooth), D=float(distance))
        assert math.exp(CONVEX.log_bound(setting, T)) == pytest.approx(float(worst), rel=1e-12)
        if on_huber >= smooth * y**2 / 2:
            for t in (1, T):
                there = descend(lambda x: smooth * max(-kink, min(kink, x)), distance, step / smooth, t)
                gap = smooth * kink * there - smooth * kink**2 / 2
                assert CONVEX.instance.expected(setting, t) == pytest.approx(float(gap), rel=1e-12)


@pytest.mark.parametrize(
    ("T", "h", "value"), [(1, 1.5, 0.125), (5, 1.7470540749, 0.0270701333), (50, 1.9485943966, 0.0025528512)]
)
def test_smooth_convex_at_the_minimax_step(T: int, h: float, value: float) -> None:
    """The published values where both branches meet, for L D² = 1."""
    setting = setting_of("gd_smooth_convex", T, h, L=1.0, D=1.0)
    assert math.exp(CONVEX.log_bound(setting, T)) == pytest.approx(value, rel=2e-8)


@pytest.mark.parametrize("h", [0.3, 1.0, 1.5, 1.8, 1.99])
def test_smooth_convex_holds_on_other_functions(h: float) -> None:
    """log cosh, the Huber function of every kink, powers and quadratics: never above, at any t."""
    functions: list[tuple[Callable[[float], float], Callable[[float], float]]] = [
        (math.tanh, lambda x: abs(x) + math.log1p(math.exp(-2 * abs(x))) - math.log(2)),
        *(
            (
                lambda x, k=kink: max(-k, min(k, x)),
                lambda x, k=kink: x * x / 2 if abs(x) <= k else k * abs(x) - k * k / 2,
            )
            for kink in (0.001, 0.01, 0.1, 0.5, 3.0)
        ),
        *(
            (lambda x, a=curvature: a * x, lambda x, a=curvature: a * x * x / 2)
            for curvature in (0.001, 0.01, 0.1, 0.5, 0.99, 1.0)
        ),
    ]
    for D in (0.1, 1.0, 5.0):
        setting = setting_of("gd_smooth_convex", 100, h, L=1.0, D=D)
        for derivative, value in functions:
            x = D
            for t in range(1, 101):
                x -= h * derivative(x)
                assert value(x) <= math.exp(CONVEX.log_bound(setting, t)) * (1 + 1e-12)


@pytest.mark.parametrize("h", [0.05, 0.5, 1.0, 2 / 1.1, 1.9])
@pytest.mark.parametrize("dimension", [1, 2, 7])
def test_strongly_convex_holds_on_quadratics(h: float, dimension: int) -> None:
    generator = np.random.default_rng(dimension)
    for mu in (0.001, 0.1, 0.9):
        eigenvalues = np.linspace(mu, 1.0, dimension) if dimension > 1 else np.array([mu])
        theta = generator.standard_normal(dimension)
        known = {
            "L": 1.0,
            "mu": mu,
            "D": float(np.linalg.norm(theta)),
            "initial_gap": float(eigenvalues @ theta**2 / 2),
        }
        setting = setting_of("gd_strongly_convex_gap", 60, h, **known)
        for t in range(1, 61):
            theta = theta - h * eigenvalues * theta
            assert theta @ theta <= math.exp(DISTANCE.log_bound(setting, t)) * (1 + 1e-12)
            assert eigenvalues @ theta**2 / 2 <= math.exp(GAP.log_bound(setting, t)) * (1 + 1e-12)


@pytest.mark.parametrize(("L", "mu"), [("9", "1"), ("2", "1.9"), ("1000", "0.5")])
def test_strongly_convex_is_attained_at_every_step(L: str, mu: str) -> None:
    with mpmath.workdps(60):
        smooth, strong = mpmath.mpf(L), mpmath.mpf(mu)
        start = [mpmath.mpf("0.6"), mpmath.mpf("-0.8")]
        known = {"L": float(smooth), "mu": float(strong), "D": 1.0}
        known["initial_gap"] = float((smooth * start[0] ** 2 + strong * start[1] ** 2) / 2)
        setting = setting_of("gd_strongly_convex_gap", 40, float(2 / (smooth + strong)), **known)
        for t in (1, 2, 10, 40):
            x = descend(lambda x: smooth * x, start[0], 2 / (smooth + strong), t)
            y = descend(lambda x: strong * x, start[1], 2 / (smooth + strong), t)
            distance, gap = float(x**2 + y**2), float((smooth * x**2 + strong * y**2) / 2)
            assert math.exp(DISTANCE.log_bound(setting, t)) == pytest.approx(distance, rel=1e-11)
            assert math.exp(GAP.log_bound(setting, t)) == pytest.approx(gap, rel=1e-11)
            assert DISTANCE.instance.expected(setting, t) == pytest.approx(distance, rel=1e-11)
            assert GAP.instance.expected(setting, t) == pytest.approx(gap, rel=1e-11)


def test_bounds_are_logarithms_and_never_underflow() -> None:
    setting = setting_of("gd_strongly_convex_gap", 10**6, 1.0, L=1.0, mu=0.5, D=1.0, initial_gap=1.0)
    assert DISTANCE.log_bound(setting, 10**6) == pytest.approx(-2e6 * math.log(2))
    assert GAP.log_bound(setting, 0) == 0
    one_step = setting_of("gd_strongly_convex_gap", 3, 1.0, L=1.0, mu=1.0, D=1.0, initial_gap=1.0)
    assert GAP.log_bound(one_step, 1) == -math.inf
    assert GAP.rate.value(one_step) == -math.inf


@pytest.mark.parametrize(
    ("step", "written", "finding"),
    [
        (2.1, "2.1/L", "step_size = 2.1/L = 2.1 exceeds 2/L = 2"),
        (2.0, "2.0", "step_size = 2.0 reaches 2/L = 2"),
        (0.0, "0", "step_size = 0 is not positive"),
        (-1.0, "-1", "step_size = -1 is not positive"),
    ],
)
def test_the_step_size_is_quoted(step: float, written: str, finding: str) -> None:
    setting = setting_of("gd_smooth_convex", 5, step, written, L=1.0, D=1.0)
    failing = [assumption for assumption in CONVEX.assumes if not assumption.holds(setting)]
    assert [each.words for each in failing] == ["a constant step_size with 0 < step_size < 2/L"]
    assert failing[0].finding is not None
    assert failing[0].finding(setting) == finding
