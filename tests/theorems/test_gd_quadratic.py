"""Gradient descent on quadratics and exact line search, against plain loops, sums and brute force."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from by_hand import THEOREMS, bound, setting

from convlab.core.setting import Setting


def test_exact_line_search_zigzags_in_exact_arithmetic() -> None:
    mu, L = Fraction(1), Fraction(16)
    x, y = 1 / mu, 1 / L
    where = setting(20, L=16.0, mu=1.0, initial_gap=float((mu * x * x + L * y * y) / 2))
    for t in range(1, 21):
        g, k = mu * x, L * y
        eta = (g * g + k * k) / (mu * g * g + L * k * k)
        x, y = x - eta * g, y - eta * k
        gap = float((mu * x * x + L * y * y) / 2)
        assert bound("gd_exact_line_search", where, t) == pytest.approx(gap, rel=1e-13)
        assert THEOREMS["gd_exact_line_search"].instance.expected(where, t) == pytest.approx(gap, rel=1e-13)


def test_exact_line_search_holds_on_other_quadratics() -> None:
    generator = np.random.default_rng(8)
    for _ in range(50):
        values = np.concatenate([[1.0, 30.0], generator.uniform(1, 30, 4)])
        x = generator.standard_normal(6) / values
        where = setting(20, L=30.0, mu=1.0, initial_gap=float(values @ x**2) / 2)
        for t in range(1, 21):
            g = values * x
            x = x - (g @ g) / (values @ g**2) * g
            assert float(values @ x**2) / 2 <= bound("gd_exact_line_search", where, t) * (1 + 1e-12)


@pytest.mark.parametrize("h", [0.02, 0.5, 1.0, 1.7, 1.99])
@pytest.mark.parametrize("T", [1, 2, 7, 50])
def test_quadratics_are_bounded_by_the_worst_eigenvalue(h: float, T: int) -> None:
    eigenvalues = np.concatenate([np.linspace(0, 1, 200_001), np.geomspace(1e-6, 1, 20_001)])
    brute = float(np.max(eigenvalues * (1 - h * eigenvalues) ** (2 * T))) / 2
    assert bound("gd_quadratic", setting(T, h, L=1.0, D=1.0), T) == pytest.approx(brute, rel=1e-7)
    assert bound("gd_quadratic", setting(T, h / 3, L=3.0, D=0.5), T) == pytest.approx(0.75 * brute, rel=1e-7)


def test_the_quadratic_of_one_horizon_attains_it_there_alone() -> None:
    name = "gd_quadratic"
    where = setting(50, 1.0, L=1.0, mu=1 / 101, D=1.0)
    gap = (1 / 101) * (100 / 101) ** 100 / 2
    assert THEOREMS[name].instance.expected(where, 50) == pytest.approx(gap, rel=1e-12)
    assert bound(name, where, 50) == pytest.approx(gap, rel=1e-12)
    assert bound(name, where, 51) < gap
    assert 4 * math.e * 10_000 * bound(name, setting(10_000, 1.0, L=1.0, D=1.0), 10_000) == pytest.approx(1, rel=1e-4)


def power_law(alpha: float, beta: float, d: int, h: float, T: int) -> tuple[Setting, float]:
    """The setting with L = 2, D = 1.5, and the gap by its sum."""
    i = np.arange(1, d + 1, dtype=float)
    values, start = 2 * i**-alpha, i**-beta
    start *= 1.5**2 / start.sum()
    gap = float(values * start @ (1 - h * i**-alpha) ** (2 * T)) / 2
    known = {"L": 2.0, "mu": float(values[-1]), "D": 1.5, "capacity": alpha, "source": beta}
    return setting(T, h / 2, **known), gap


def test_power_laws_are_bounded_and_in_their_window_attained() -> None:
    for alpha in (0.5, 1.0, 1.5, 3.0, 8.0):
        for beta in (0.0, 0.6, 1.0, 2.5, 6.0):
            if alpha + beta <= 1:
                continue
            for d in (1, 2, 30, 3000):
                for h in (0.05, 0.5, 1.0):
                    for T in (1, 2, 10, 100, 10_000):
                        where, gap = power_law(alpha, beta, d, h, T)
                        assert gap <= bound("gd_power_law", where, T) * (1 + 1e-12)
    where, gap = power_law(1.5, 1.0, 100_000, 1.0, 3000)
    assert gap > 0.997 * bound("gd_power_law", where, 3000)
    assert gap < 0.997 * bound("gd_power_law", where, 2990), "by ten steps the bound would fail"


def test_the_power_law_needs_the_largest_term() -> None:
    """A steep spectrum has few terms, and the integral alone is below their sum."""
    where, gap = power_law(8.0, 1.0, 3000, 0.5, 1)
    s = (8.0 + 1.0 - 1) / 8.0
    constant = 1.5**2 / float(np.sum(np.arange(1, 3001, dtype=float) ** -1.0))
    assert math.gamma(s) / 8.0 * (2 * where.step_size() * 2.0) ** -s * constant < gap


def test_the_instance_of_the_power_law_is_gradient_descent() -> None:
    i = np.arange(1, 1001, dtype=float)
    theta = i**-0.75
    theta /= np.linalg.norm(theta)
    for _ in range(300):
        theta -= i**-1.5 * theta
    where = setting(300, 1.0, L=1.0, mu=1000**-1.5, D=1.0, capacity=1.5, source=1.5)
    expected = THEOREMS["gd_power_law"].instance.expected(where, 300)
    assert expected == pytest.approx(float(i**-1.5 @ theta**2) / 2, rel=1e-10)
