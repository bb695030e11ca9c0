"""Gradient descent's bounds on averages, gradients and functions that are not convex, against plain loops."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from by_hand import NAMES, THEOREMS, bound, functions, objection, setting


def huber(x: mpmath.mpf, kink: mpmath.mpf) -> tuple[mpmath.mpf, mpmath.mpf]:
    """Value and slope for L = 1."""
    size = abs(x)
    value = x**2 / 2 if size <= kink else kink * size - kink**2 / 2
    return value, max(-kink, min(kink, x))


def points(kink: mpmath.mpf, h: mpmath.mpf, T: int) -> list[mpmath.mpf]:
    x = [mpmath.mpf(1)]
    for _ in range(T):
        x.append(x[-1] - h * huber(x[-1], kink)[1])
    return x


@pytest.mark.parametrize("T", [1, 2, 5, 40])
def test_the_average_on_huber_reaches_t_over_t_plus_two_and_the_last_iterate_is_better(T: int) -> None:
    with mpmath.workdps(40):
        kink = mpmath.mpf(1) / (T + 2)
        x = points(kink, mpmath.mpf(1), T)
        mean = huber(sum(x[1:]) / T, kink)[0]
        assert abs(mean * (2 * T + 4) - 1) < mpmath.mpf(10) ** -35
        where = setting(T, 1.0, L=1.0, D=1.0)
        name = "gd_smooth_convex_average"
        assert THEOREMS[name].instance.expected(where, T) == pytest.approx(float(mean), rel=1e-13)
        assert float(mean) / bound(name, where, T) == pytest.approx(T / (T + 2), rel=1e-13)
        if T > 1:
            assert mean > mpmath.mpf(1) / (4 * T + 2), "no last iterate is as bad"
        with_start = points(mpmath.mpf(1) / T, mpmath.mpf(1), T)[:-1]
        neighbour = huber(sum(with_start) / T, mpmath.mpf(1) / T)[0]
        assert float(neighbour) == pytest.approx(bound(name, where, T), rel=1e-13), "0..T-1 averages are worse still"


@pytest.mark.parametrize("h", [0.05, 0.4, 1.0])
def test_the_average_on_other_functions(h: float) -> None:
    for f, start in functions(150):
        x, total = start, 0.0
        where = setting(30, h, L=1.0, D=start)
        for t in range(1, 31):
            x -= h * f.slope(x)
            total += x
            assert f.value(total / t) <= bound("gd_smooth_convex_average", where, t) * (1 + 1e-12)


@pytest.mark.parametrize("T", [1, 3, 10])
@pytest.mark.parametrize("h", ["0.3", "1", "1.4"])
def test_gradient_norms_are_attained_on_huber_and_not_by_their_neighbours(T: int, h: str) -> None:
    with mpmath.workdps(40):
        step = mpmath.mpf(h)
        kink = 1 / (T * step + 1)
        last = points(kink, step, T)[-1]
        slope2 = float(huber(last, kink)[1] ** 2)
        known = {"L": 1.0, "D": 1.0, "initial_gap": float(huber(mpmath.mpf(1), kink)[0])}
        where = setting(T, float(step), **known)
        for name in ("gd_gradient_norm", "gd_gradient_norm_from_gap"):
            assert bound(name, where, T) == pytest.approx(slope2, rel=1e-13)
            assert THEOREMS[name].instance.expected(where, T) == pytest.approx(slope2, rel=1e-13)
            assert bound(name, where, T + 1) < slope2 * (1 - 1e-3)


@pytest.mark.parametrize(("name", "limit"), [("gd_gradient_norm", 2**0.5), ("gd_gradient_norm_from_gap", 1.5)])
def test_gradient_norms_hold_on_other_functions_and_only_up_to_their_limit(name: str, limit: float) -> None:
    for h in (0.05, 0.5, 1.0, 1.25, limit):
        for f, start in functions(100):
            where, x = setting(20, h, L=1.0, D=start, initial_gap=f.value(start)), start
            for t in range(1, 21):
                x -= h * f.slope(x)
                assert f.slope(x) ** 2 <= bound(name, where, t) * (1 + 1e-12)
    parabola = setting(1, limit, L=1.0, D=1.0, initial_gap=0.5)
    assert (1 - limit) ** 2 == pytest.approx(bound(name, parabola, 1), rel=1e-12)
    beyond = setting(1, limit + 0.01, L=1.0, D=1.0, initial_gap=0.5)
    assert (1 - limit - 0.01) ** 2 > bound(name, beyond, 1) * 1.01


@pytest.mark.parametrize("T", [1, 2, 6])
@pytest.mark.parametrize("h", [0.2, 1.0, 1.4])
def test_the_weights_of_both_proofs_make_an_identity(T: int, h: float) -> None:
    """For any vectors g_0 … g_T, what the proofs claim to be equal is."""
    g = np.random.default_rng(5).standard_normal((T + 1, 3))
    square, cross = np.sum(g**2, axis=1), np.sum(g[:-1] * g[1:], axis=1)
    drop = square[1:] - (1 - h) * cross
    monotone = (2 - h) * cross - square[1:] - (1 - h) * square[:-1]
    change, j = np.sum((g[:-1] - g[1:]) ** 2, axis=1), np.arange(1, T + 1)
    left = 2 * h * (j @ drop) + h * (2 - h) * square[:-1].sum() + square[-1]
    weights, squares = 2 * j * (1 - h + h * j), j * (2 * (1 - h) + h * (2 - h) * j)
    assert left == pytest.approx((T * h + 1) ** 2 * square[-1] + weights @ monotone + squares @ change, rel=1e-12)
    assert min(squares) >= 0
    left = square[0] / 2 + drop.sum()
    right = (T * h + 0.5) * square[-1] + (2 * j - 1) @ monotone + (j * (2 - h) - 0.5) @ change
    assert left == pytest.approx(right, rel=1e-12)


@pytest.mark.parametrize(("h", "factor"), [(0.3, 0.892023), (0.5, 0.832970), (0.8, 0.762666), (1.0, 0.7272727)])
def test_polyak_lojasiewicz_factor_is_the_published_one(h: float, factor: float) -> None:
    """Worst-case programs at μ = 0.2, L = 1."""
    where = setting(5, h, L=1.0, mu_PL=0.2, initial_gap=1.0)
    assert bound("gd_polyak_lojasiewicz", where, 1) == pytest.approx(factor, rel=2e-6)
    assert bound("gd_polyak_lojasiewicz", where, 4) == pytest.approx(factor**4, rel=1e-5)
    assert factor < 1 - 0.2 * h * (2 - h), "sharper than the descent lemma"
    one = setting(5, h, L=1.0, mu_PL=1.0, initial_gap=1.0)
    assert THEOREMS["gd_polyak_lojasiewicz"].log_bound is not None
    if h < 1:
        assert bound("gd_polyak_lojasiewicz", one, 2) == pytest.approx((1 - h) ** 4, rel=1e-12)
    else:
        assert bound("gd_polyak_lojasiewicz", one, 2) == 0


def test_polyak_lojasiewicz_on_the_sine() -> None:
    name, mu = "gd_polyak_lojasiewicz", 0.1755309858797
    worst = 0.0
    for h in (0.2, 0.7, 1.0):
        for start in np.linspace(0.05, 15, 600):
            x = float(start)
            where = setting(30, h / 8, L=8.0, mu_PL=mu, D=x, initial_gap=x * x + 3 * math.sin(x) ** 2)
            for t in range(1, 31):
                x -= h / 8 * (2 * x + 3 * math.sin(2 * x))
                gap = x * x + 3 * math.sin(x) ** 2
                assert gap <= bound(name, where, t) * (1 + 1e-12)
                assert THEOREMS[name].instance.expected(where, t) == pytest.approx(gap, rel=1e-9, abs=1e-300)
                if t == 1:
                    worst = max(worst, gap / bound(name, where, 2))
    assert worst > 1, "one step more, and the bound would fail"


@pytest.mark.parametrize("T", [2, 3, 12])
def test_nonconvex_is_attained_by_a_zigzag_in_exact_arithmetic(T: int) -> None:
    """L = 1 and g = 1: pieces of length 1, x_0 = T, and f(x_0) = 3(T − 1)/4 + 1/2."""

    def slope(x: Fraction) -> Fraction:
        if x <= 1:
            return x
        s = (x - 1) % 1
        return 1 - min(s, 1 - s)

    x, seen = Fraction(T), []
    for _ in range(T):
        seen.append(slope(x))
        x -= slope(x)
    gap = Fraction(3 * (T - 1), 4) + Fraction(1, 2)
    where = setting(T, 1.0, L=1.0, initial_gap=float(gap))
    assert min(seen) == 1
    assert bound("gd_nonconvex", where, T) == pytest.approx(1.0, rel=1e-14)
    assert THEOREMS["gd_nonconvex"].instance.expected(where, T) == pytest.approx(1.0, rel=1e-14)
    assert bound("gd_nonconvex", where, T + 1) < 0.99, "T points, not T + 1"


@pytest.mark.parametrize("h", [0.1, 0.6, 1.0, 1.3, 1.6, 1.73])
def test_nonconvex_holds_on_waves(h: float) -> None:
    """c log cosh + Σ a_k sin(b_k x + φ_k), c + Σ a_k b_k² = 1; and L x²/2, on which h > 1 overshoots."""
    generator = np.random.default_rng(3)
    for _ in range(60):
        share = generator.dirichlet(np.ones(4))
        b, phase = 10.0 ** generator.uniform(-0.5, 1, 3), generator.uniform(0, 6.3, 3)
        a, c = share[:3] / b**2, float(share[3])

        def value(x: np.ndarray, a=a, b=b, c=c, phase=phase) -> np.ndarray:  # type: ignore[no-untyped-def]
            return c * np.logaddexp(x, -x) + np.sin(np.multiply.outer(x, b) + phase) @ a

        x = float(generator.uniform(-6, 6))
        grid = np.linspace(-20, 20, 40_001)
        gap = float(value(np.array([x]))[0] - value(grid).min()) + 1e-6  # |f''| <= 1: the grid misses at most 1.3e-7
        where, least = setting(20, h, L=1.0, initial_gap=gap), math.inf
        for t in range(1, 21):
            slope = c * math.tanh(x) + float((a * b) @ np.cos(b * x + phase))
            least = min(least, slope**2)
            assert least <= bound("gd_nonconvex", where, t)
            x -= h * slope
    where = setting(20, h, L=1.0, initial_gap=0.5)
    assert all(min((1 - h) ** (2 * s) for s in range(t)) <= bound("gd_nonconvex", where, t) for t in range(1, 21))


@pytest.mark.parametrize("name", NAMES)
def test_with_every_hypothesis_it_applies(name: str) -> None:
    assert objection(name) is None


@pytest.mark.parametrize(
    ("name", "step", "limit"),
    [
        ("gd_smooth_convex_average", 1.01, "1/L = 1"),
        ("gd_gradient_norm", 1.42, "sqrt(2)/L = 1.41421"),
        ("gd_gradient_norm_from_gap", 1.51, "3/(2*L) = 1.5"),
        ("gd_polyak_lojasiewicz", 1.01, "1/L = 1"),
        ("gd_nonconvex", 1.74, "sqrt(3)/L = 1.73205"),
        ("gd_quadratic", 2.01, "2/L = 2"),
        ("gd_power_law", 1.01, "1/L = 1"),
    ],
)
def test_longer_steps_are_not_covered(name: str, step: float, limit: str) -> None:
    why = objection(name, step=step)
    assert why is not None
    assert why.endswith(f"step_size = {step} exceeds {limit}")


def test_a_power_law_whose_sum_diverges_is_not_covered() -> None:
    why = objection("gd_power_law", source=0.0)
    assert why == "needs a power law in spectrum and start with capacity + source > 1: capacity + source = 1"
