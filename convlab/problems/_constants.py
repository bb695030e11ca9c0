"""The constants of a linear model that theorems ask for, each with a proven direction of its rounding."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from convlab.core.problem import Optimum
from convlab.core.setting import How, Known
from convlab.problems._certify import Certified, U, accumulation, gradient_rounding, singular_range

Array = npt.NDArray[np.float64]


def curvature_constants(X: Array, ridge: float, low: float, high: float, jerk: float) -> dict[str, Known]:
    """L, L_max, mu, M, kappa and n, where low <= ℓ'' <= high and |ℓ'''| <= jerk for the loss of one row.

    L = high·λ_max(XᵀX/n) + ridge, mu = low·λ_min(XᵀX/n) + ridge, L_max = high·max‖x_i‖² + ridge,
    M = jerk·max‖x_i‖·λ_max(XᵀX/n): eigenvalues from the singular values of X, moved outwards by their rounding error.
    """
    n, d = X.shape
    least, largest = (value**2 / n for value in singular_range(X))
    longest = float(np.linalg.norm(X, axis=1).max()) * (1.0 + (d + 5) * U)
    up, down = 1.0 + 8 * U, 1.0 - 8 * U
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
        known["kappa"] = Known(L / mu, "upper bound")
    return known


def optimum_constants(
    X: Array, y: Array, slopes: Array, ridge: float, curvature: float, gap: float, L_max: float, found: Certified
) -> dict[str, Known]:
    """D = ‖θ0 − θ*‖ for θ0 = 0, sigma_star = √(mean_i ‖∇f_i(θ*)‖²) and initial_gap = R(θ0) − R*, of which ``gap`` is
    an upper bound.

    ``slopes`` are ℓ'(x_i·θ*, y_i) [n]. D and sigma_star are enlarged by the radius of θ* and by rounding.
    """
    lengths = np.linalg.norm(X, axis=1)
    # ‖s x + ridge θ‖² summed without a table of n gradients: s²‖x‖² + 2 s ridge x·θ + ridge²‖θ‖²
    square = slopes**2 * lengths**2 + 2.0 * ridge * slopes * (X @ found.hi) + ridge**2 * float(found.hi @ found.hi)
    sigma = float(np.sqrt(np.mean(np.maximum(square, 0.0))))
    inner = curvature * accumulation(X.shape[1]) * (np.abs(X) @ np.abs(found.hi) + np.abs(y)) + 10.0 * np.abs(slopes)
    spread = U * float(np.sqrt(np.mean((lengths * inner) ** 2)))
    D = float(np.linalg.norm(found.hi)) * (1.0 + (X.shape[1] + 5) * U) + found.radius + found.drift
    sigma_star = Known(sigma * (1.0 + len(X) * U) + spread + L_max * found.radius, "upper bound")
    return {
        "D": Known(D, "upper bound"),
        "sigma_star": Known(0.0, "exact") if found.interpolates else sigma_star,
        "initial_gap": Known(gap, "upper bound"),
    }


def certified_optimum(
    X: Array, y: Array, slopes: Array, ridge: float, curvature: Array | float, L: float, found: Certified
) -> Optimum:
    """The optimum as the lab reads it: with the rounding error of a float64 gradient near θ*, and of θ* itself."""
    rounding = gradient_rounding(X, found.hi, y, slopes, curvature, ridge) + L * U * float(np.linalg.norm(found.hi))
    numbers = (np.array(value) for value in (found.risk_low, found.risk_high, found.radius + found.drift, rounding))
    return Optimum(found.hi, found.lo, *numbers)
