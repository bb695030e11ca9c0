"""The constants of a linear model that theorems ask for, each with a proven direction of its rounding."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt

from convlab.core.problem import Optimum
from convlab.core.setting import How, Known
from convlab.problems._certify import Certified, U, gradient_rounding, singular_range
from convlab.problems._enclosure import moved, norm
from convlab.problems._normal_equations import risk_at

Array = npt.NDArray[np.float64]


def curvature_constants(X: Array, ridge: float, low: float, high: float, jerk: float) -> dict[str, Known]:
    """L, L_max, mu, M, kappa and n, where low <= ℓ'' <= high and |ℓ'''| <= jerk for the loss of one row.

    L = high·λ_max(XᵀX/n) + ridge, mu = low·λ_min(XᵀX/n) + ridge, L_max = high·max‖x_i‖² + ridge,
    M = jerk·max‖x_i‖·λ_max(XᵀX/n): eigenvalues from the singular values of X, moved outwards by their rounding error.
    """
    n, d = X.shape
    least, largest = (value**2 / n for value in singular_range(X))
    longest = float(np.linalg.norm(X, axis=1).max()) * (1.0 + (d + 5) * U)
    up, down = 1.0 + 16 * U, 1.0 - 16 * U  # at most nine roundings, the literals in low, high and jerk included
    L = (high * largest + ridge) * up
    mu = low * least * down + ridge if low > 0.0 else ridge
    mu_how: How = "exact" if low == 0.0 and ridge == 0.0 else "lower bound"
    known = {
        "n": Known(float(n), "exact"),
        "L": Known(L, "upper bound"),
        "L_max": Known((high * longest**2 + ridge) * up, "upper bound"),
        "mu": Known(mu, mu_how),
        "M": Known(jerk * longest * largest * up, "upper bound") if jerk > 0.0 else Known(0.0, "exact"),
    }
    if mu > 0.0:
        known["kappa"] = Known(L / mu * (1.0 + 4 * U), "upper bound")
    return known


def optimum_constants(
    X: Array,
    y: Array,
    slopes: Array,
    ridge: float,
    curvature: float,
    gap: float | Known,
    L_max: float,
    found: Certified,
) -> dict[str, Known]:
    """D = ‖θ0 − θ*‖ for θ0 = 0, sigma_star = √(mean_i ‖∇f_i(θ*)‖²) and initial_gap = R(θ0) − R*, as a fact, or as an
    upper bound.

    ``slopes`` are ℓ'(x_i·θ*, y_i) [n] in float64. D lies within the radius of θ* and what θ* may be off the nearest
    minimiser. sigma_star is an upper bound: its square is summed up to (n + d + 20)u of the sum of its terms' sizes,
    as they may cancel, then the slopes err by curvature·(d + 4)u(|x_i||θ*| + |y_i|) + 10u|s_i|, and θ* by its radius.
    """
    n, d = X.shape
    lengths = np.linalg.norm(X, axis=1)
    # ‖s x + ridge θ‖² summed without a table of n gradients: s²‖x‖² + 2 s ridge x·θ + ridge²‖θ‖²
    length2, across = ridge**2 * float(found.hi @ found.hi), np.abs(X) @ np.abs(found.hi)
    square = slopes**2 * lengths**2 + 2.0 * ridge * slopes * (X @ found.hi) + length2
    sizes = slopes**2 * lengths**2 + 2.0 * ridge * np.abs(slopes) * across + length2
    mean2 = max(float(np.mean(square)), 0.0) + (n + d + 20) * U * float(np.mean(sizes))
    inner = curvature * (d + 4) * (across + np.abs(y)) + 10.0 * np.abs(slopes)
    spread = U * float(np.sqrt(np.mean((lengths * inner) ** 2)))
    off = found.radius + U * float(np.linalg.norm(found.hi))  # θ* is hi + lo, and the slopes are those at hi
    sigma = (float(np.sqrt(mean2)) + spread + L_max * off) * (1.0 + (n + 2 * d + 20) * U)
    D = norm(found.hi, found.lo, Fraction(found.radius) + Fraction(found.drift)).known()
    return {
        "D": D,
        "sigma_star": Known(0.0, "exact") if found.interpolates else Known(sigma, "upper bound"),
        "initial_gap": gap if isinstance(gap, Known) else Known(gap, "upper bound"),
    }


def half_mean_square(y: Array) -> float:
    """An upper bound on R(0) = (1/2n)‖y‖² of least squares, and so on R(0) − R*."""
    return float(np.mean(y**2)) / 2.0 * (1.0 + (len(y) + 4) * U)


def gap_at_zero(X: Array, ridge: float, L: float, found: Certified) -> Known:
    """R(0) − R* = (1/2n)‖Xθ*‖² + (ridge/2)‖θ*‖² of least squares: in double-double, and θ* moved by its radius."""
    value = risk_at(X, np.zeros(len(X)), ridge, (found.hi, found.lo))
    return moved(value, L, Fraction(found.radius) + Fraction(found.drift)).known()


def certified_optimum(
    X: Array, y: Array, slopes: Array, ridge: float, curvature: Array | float, L: float, found: Certified
) -> Optimum:
    """The optimum as the lab reads it: with the rounding error of a float64 gradient near θ*, and of θ* itself."""
    rounding = gradient_rounding(X, found.hi, y, slopes, curvature, ridge) + L * U * float(np.linalg.norm(found.hi))
    radius = (found.radius + found.drift) * (1.0 + 2 * U)
    numbers = (np.array(value) for value in (found.risk_low, found.risk_high, radius, rounding))
    return Optimum(found.hi, found.lo, *numbers)
