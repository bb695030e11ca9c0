"""Polyak's step against plain loops, on random functions and on the instances."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from by_hand import THEOREMS, bound, functions, setting


def test_polyak_on_the_line_and_on_quadratics() -> None:
    for f, start in functions(300):
        x, least = start, math.inf
        for t in range(1, 31):
            gap, slope = f.value(x), f.slope(x)
            least = min(least, gap)
            assert least <= bound("polyak_smooth", setting(L=1.0, D=start), t) * (1 + 1e-12)
            x = x - gap / slope if slope else x
    generator = np.random.default_rng(9)
    for _ in range(200):
        values = np.concatenate([[1.0], 10.0 ** generator.uniform(-3, 0, 3)])
        x, mu, least = generator.standard_normal(4), float(values.min()), math.inf
        where = setting(L=1.0, mu=mu, D=float(np.linalg.norm(x)))
        for t in range(1, 31):
            gap, g = float(values @ x**2) / 2, values * x
            least = min(least, gap)
            x = x - gap / (g @ g) * g
            assert least <= bound("polyak_smooth", where, t)
            assert float(x @ x) <= bound("polyak_strongly_convex", where, t)


@pytest.mark.parametrize("q", [0.05, 0.3, 0.5, 0.8, 0.97])
def test_polyak_on_strongly_convex_functions(q: float) -> None:
    worst = 0.0
    for f, start in functions(300, mu=q):
        x, where = start, setting(L=1.0, mu=q, D=start)
        for t in range(1, 11):
            x -= f.value(x) / f.slope(x)
            assert x * x <= bound("polyak_strongly_convex", where, t) * (1 + 1e-12)
            if t == 1:
                worst = max(worst, (x / start) ** 2)
    assert worst > 0.25 * (1 - q), "the functions are no parabolas"


def test_polyak_halves_a_parabola_and_no_smaller_factor_holds() -> None:
    where, x = setting(L=3.0, mu=3.0, D=0.7), 0.7
    for t in range(1, 11):
        x -= (3 * x * x / 2) / (3 * x) ** 2 * 3 * x
        assert bound("polyak_strongly_convex", where, t) == pytest.approx(x * x, rel=1e-13)
        assert THEOREMS["polyak_strongly_convex"].instance.expected(where, t) == pytest.approx(x * x, rel=1e-13)


@pytest.mark.parametrize("T", [1, 4, 25])
def test_polyak_visits_one_coordinate_after_another(T: int) -> None:
    G, D = 2.0, 0.75
    x, star, least = np.zeros(T), -G * D / math.sqrt(T), math.inf
    where = setting(T, G=G, D=D)
    for t in range(1, T + 1):
        height = max(float(x.max()), float(np.linalg.norm(x)) - D * (1 + 1 / math.sqrt(T)))
        least = min(least, G * height - star)
        assert least <= bound("polyak_nonsmooth", where, t) * (1 + 1e-12)
        x[int(x.argmax())] -= (G * height - star) / G
    assert least == pytest.approx(bound("polyak_nonsmooth", where, T), rel=1e-13)
    assert THEOREMS["polyak_nonsmooth"].instance.expected(where, T) == pytest.approx(least, rel=1e-13)
    assert bound("polyak_nonsmooth", where, T + 1) < least


def test_the_instance_on_two_eigenvalues_in_40_digits() -> None:
    with mpmath.workdps(40):
        values, x, least = [mpmath.mpf(0.025), mpmath.mpf(1)], [mpmath.mpf(1), mpmath.mpf(0.265)], mpmath.inf
        for _ in range(10):
            gap = sum(v * e**2 for v, e in zip(values, x, strict=True)) / 2
            least = min(least, gap)
            gamma = gap / sum((v * e) ** 2 for v, e in zip(values, x, strict=True))
            x = [e * (1 - gamma * v) for v, e in zip(values, x, strict=True)]
    where = setting(L=1.0, D=math.hypot(1, 0.265))
    assert THEOREMS["polyak_smooth"].instance.expected(where, 10) == pytest.approx(float(least), rel=1e-11)
