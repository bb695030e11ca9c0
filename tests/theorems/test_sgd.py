"""SGD's bounds and closed forms against second-moment recursions and the enumeration of all sample paths."""

from __future__ import annotations

import itertools
import math

import mpmath
import numpy as np
import pytest
from instances import THEOREMS, instance_of, setting_of

AVERAGE = THEOREMS["sgd_smooth_convex_average"]
DISTANCE = THEOREMS["sgd_strongly_convex"]


def noisy(name: str, T: int, eta: float, curvature: float, sigma: float, D: float):  # type: ignore[no-untyped-def]
    known = {"L": curvature, "mu": curvature, "L_expected": curvature, "sigma_star": sigma, "D": D}
    return setting_of(name, T, eta, **known)


CASES = [
    (1, 0.5, 1.0, 1.0, 1.0),
    (2, 0.3, 1.0, 0.5, 2.0),
    (7, 0.1, 3.0, 2.0, 0.5),
    (20, 0.5, 1.0, 1.0, 1.0),
    (100, 0.07, 0.18, 1, 1),
]


@pytest.mark.parametrize(("T", "eta", "curvature", "sigma", "D"), CASES)
def test_closed_forms_by_the_second_moment_recursion(
    T: int, eta: float, curvature: float, sigma: float, D: float
) -> None:
    """x ← r x − ηξ and s ← s + x: E x², E x s and E s² obey a linear recursion, here in 30 digits."""
    with mpmath.workdps(30):
        r, noise = 1 - mpmath.mpf(eta) * mpmath.mpf(curvature), (mpmath.mpf(eta) * mpmath.mpf(sigma)) ** 2
        xx, xs, ss = mpmath.mpf(D) ** 2, mpmath.mpf(0), mpmath.mpf(0)
        for _ in range(T):
            xs, ss = r * (xs + xx), ss + 2 * xs + xx
            xx = r**2 * xx + noise
        average = float(mpmath.mpf(curvature) / 2 * ss / T**2)
        distance = float(xx)
    assert AVERAGE.instance.expected(
        noisy("sgd_smooth_convex_average", T, eta, curvature, sigma, D), T
    ) == pytest.approx(average, rel=1e-12)
    assert DISTANCE.instance.expected(noisy("sgd_strongly_convex", T, eta, curvature, sigma, D), T) == pytest.approx(
        distance, rel=1e-12
    )


@pytest.mark.parametrize("T", [1, 2, 3, 8, 12])
def test_closed_forms_by_enumeration(T: int) -> None:
    """Noise ±σ has the variance of the Gaussian, so all 2^T paths give the same expectations."""
    eta, curvature, sigma, D = 0.4, 0.9, 1.3, 0.8
    average, distance = [], []
    for signs in itertools.product((-1.0, 1.0), repeat=T):
        x, path = D, []
        for sign in signs:
            path.append(x)
            x = x - eta * (curvature * x + sigma * sign)
        average.append(curvature / 2 * np.mean(path) ** 2)
        distance.append(x**2)
    mine = AVERAGE.instance.expected(noisy("sgd_smooth_convex_average", T, eta, curvature, sigma, D), T)
    assert mine == pytest.approx(np.mean(average), rel=1e-12)
    mine = DISTANCE.instance.expected(noisy("sgd_strongly_convex", T, eta, curvature, sigma, D), T)
    assert mine == pytest.approx(np.mean(distance), rel=1e-12)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999, 1.0])
@pytest.mark.parametrize(
    "rows", [((1.0, 1.0), (1.0, -1.0)), ((2.0, 0.3), (0.5, -1.0), (1.0, 2.0)), ((1.0, 1.0), (3.0, 3.0))]
)
def test_bounds_hold_on_finite_sums_by_enumeration(share: float, rows: tuple[tuple[float, float], ...]) -> None:
    """f_i = (a_i x − b_i)²/2, one row at random: all n^T index sequences, up to the largest step 1/(2 L_max)."""
    a, b = np.array(rows).T
    curvature, best = float(np.mean(a**2)), float(np.sum(a * b) / np.sum(a**2))
    sigma_star = math.sqrt(np.mean((a * (a * best - b)) ** 2))
    ell, D, n = float(np.max(a**2)), 1.7, len(rows)
    eta = share / (2 * ell)
    known = {"L": curvature, "mu": curvature, "L_expected": ell, "sigma_star": sigma_star, "D": D}
    setting = setting_of("sgd_strongly_convex", 7, eta, **known)
    x = np.array([best + D])
    total = np.zeros(1)
    for t in range(1, 8):
        total = np.repeat(total + x, n)
        x = np.repeat(x, n)
        index = np.tile(np.arange(n), x.size // n)
        x = x - eta * a[index] * (a[index] * x - b[index])
        assert np.mean((x - best) ** 2) <= math.exp(DISTANCE.log_bound(setting, t)) * (1 + 1e-12)
        if share < 1:
            gap = curvature / 2 * np.mean((total / t - best) ** 2)
            assert gap <= math.exp(AVERAGE.log_bound(setting, t)) * (1 + 1e-12)


def test_the_numbers_of_the_lecture() -> None:
    """1/3 of the ball in stationarity; the tuned noisy line near the published constants at its own bound."""
    setting = instance_of("sgd_strongly_convex")
    assert DISTANCE.instance.expected(setting, 20) == pytest.approx(1 / 3, rel=1e-11)
    big = noisy("sgd_smooth_convex_average", 10**6, 1e-3, 1e-3, 1.0, 1.0)  # η = R/(σ√T), λ = 1/(ηT)
    assert AVERAGE.instance.expected(big, 10**6) * 1e3 == pytest.approx(0.283833820, rel=2e-6)
    best = noisy("sgd_smooth_convex_average", 10**6, 1e-3, 1.4046e-3, 1.0, 1.0)
    assert AVERAGE.instance.expected(best, 10**6) * 1e3 == pytest.approx(0.295269, rel=1e-5)


def test_the_limit_of_the_step_is_open_for_the_average_and_closed_for_the_distance() -> None:
    at_limit = noisy("sgd_strongly_convex", 5, 0.5 / 3.0, 3.0, 1.0, 1.0)
    assert all(assumption.holds(at_limit) for assumption in DISTANCE.assumes)
    at_limit = noisy("sgd_smooth_convex_average", 5, 0.5, 1.0, 1.0, 1.0)
    assert [a.words for a in AVERAGE.assumes if not a.holds(at_limit)] == [
        "a constant step_size with 0 < step_size < 1/(2*L_expected)"
    ]
