"""Certified minimisers of linear models: Newton in float64, refinement in double-double, then a proven interval.

θ* = hi + lo is refined until ‖∇R(hi + lo)‖ stops falling (some 1e-30); what is left is a proven radius:
strong convexity gives ‖θ − θ*‖ <= ‖g‖/μ and R − R* <= ‖g‖²/(2μ). Where there is no ridge, logistic regression is
quasi-self-concordant: ∇²R(θ+d) ⪰ e^{−B‖d‖}∇²R(θ) with B = max‖x_i‖ (Bach, Electron. J. Stat. 4 (2010), Prop. 1).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from convlab.problems import _double as dd

Array = npt.NDArray[np.float64]
U = 2.0**-53  # unit roundoff


class Certified(NamedTuple):
    """θ* within ``radius`` of hi + lo; R(θ*) in [risk_low, risk_high], both rounded to the nearest float64."""

    hi: Array
    lo: Array
    risk_low: float
    risk_high: float
    radius: float
    words: str
    drift: float = (
        0.0  # where minimisers are many: how far θ* may lie from the one nearest to θ0 = 0, beyond the radius
    )
    interpolates: bool = False  # every row's loss is 0 at θ*


def singular_range(X: Array) -> tuple[float, float]:
    """A lower bound on the least of the d singular values of X [n, d] and an upper bound on the largest.

    LAPACK's values are off by at most p(n, d)·u·σ_max with p of modest growth (Golub and Van Loan, Matrix
    Computations, 8.6); n + d + 10 is taken for p.
    """
    values = np.linalg.svd(X, compute_uv=False)
    margin = (sum(X.shape) + 10) * U * float(values[0])
    least = float(values[-1]) - margin if X.shape[0] >= X.shape[1] else 0.0
    return max(least, 0.0), float(values[0]) + margin


def accumulation(n: int) -> float:
    """c with |error| <= c·u·Σ|terms| for a sum of n products: the lesser of n and 4√n (Higham and Mary, SIAM J. Sci.
    Comput. 41 (2019): rounding errors that are independent, with mean 0), plus 10 for the terms themselves."""
    return min(float(n), 4.0 * math.sqrt(n)) + 10.0


def gradient_rounding(X: Array, theta: Array, y: Array, slopes: Array, curvature: Array | float, ridge: float) -> float:
    """A bound on the rounding error of ∇R(θ) = mean_i s_i x_i + ridge θ in float64, s_i = ℓ'(x_i·θ, y_i).

    u·(mean c_n‖x_i‖|s_i| + mean v_i + 4 ridge‖θ‖), c as in `accumulation`;
    v_i = ‖x_i‖ ℓ''_i c_d(Σ_j|x_ij θ_j| + |y_i|) comes from x_i·θ. Errors of different rows are independent, so
    4√(mean v_i²/n) replaces mean v_i where it is less.
    """
    n, d = X.shape
    lengths = np.linalg.norm(X, axis=1)
    inner = lengths * curvature * accumulation(d) * (np.abs(X) @ np.abs(theta) + np.abs(y))
    rows = min(float(np.mean(inner)), 4.0 * float(np.sqrt(np.mean(inner**2) / n)))
    outer = accumulation(n) * float(np.mean(lengths * np.abs(slopes)))
    return U * (outer + rows + 4.0 * ridge * float(np.linalg.norm(theta)))


def doubled_rounding(X: Array, theta: Array, y: Array, slopes: Array, curvature: float, ridge: float) -> float:
    """A proven bound on the error of the gradient in double-double: x_i·θ summed in order, the rows pairwise.

    |ℓ''| <= curvature. In units of 2^-102, which is four roundings; 40 of them for the exponential and the quotient.
    """
    n, d = X.shape
    inner = curvature * (2.0 * d + 10.0) * (np.abs(X) @ np.abs(theta) + np.abs(y))
    outer = (2.0 * math.log2(n) + 50.0) * np.abs(slopes)
    return 2.0**-102 * (
        float(np.mean(np.linalg.norm(X, axis=1) * (inner + outer))) + 10.0 * ridge * float(np.linalg.norm(theta))
    )


def logistic_minimiser(A: Array, ridge: float) -> Certified | None:
    """argmin mean_i log(1 + exp(−A_i·θ)) + (ridge/2)‖θ‖², or None where no minimiser could be proven to exist."""
    if ridge == 0.0:
        used = np.any(A != 0.0, axis=0)
        if not used.all():  # a column of zeros moves nothing: its θ_j stays 0
            return _embedded(logistic_minimiser(A[:, used], ridge), used) if used.any() else None
    theta = _newton(A, ridge)
    if theta is None:
        return None
    hi, lo, gradient = _refined_logistic(A, ridge, theta)
    slopes = sigmoid(-(A @ hi))
    zeros = np.zeros(len(A))
    g = float(np.linalg.norm(gradient)) + doubled_rounding(A, hi, zeros, slopes, 0.25, ridge)
    mu, words = ridge, "strong convexity by the ridge"
    local = _self_concordant(A, ridge, hi, g)
    if local > 10.0 * ridge:
        mu, words = local, "quasi-self-concordance"
    if not g < 1e-6 * mu * (1.0 + float(np.linalg.norm(hi))):
        return None
    radius = g / mu
    risk = _logistic_risk(A, ridge, (hi, lo))
    return Certified(
        hi, lo, max(risk - g * g / (2.0 * mu), 0.0), risk, radius,
        f"Newton, refined in doubled precision to |grad R| <= {g:.1e}; {words}: |theta - theta*| <= {radius:.1e}",
    )  # fmt: skip


def _embedded(part: Certified | None, used: npt.NDArray[np.bool_]) -> Certified | None:
    if part is None:
        return None
    hi, lo = np.zeros(len(used)), np.zeros(len(used))
    hi[used], lo[used] = part.hi, part.lo
    return part._replace(hi=hi, lo=lo)


def sigmoid(z: Array) -> Array:
    """1/(1 + e^−z)."""
    small = np.exp(-np.abs(z))
    return np.asarray(np.where(z >= 0, 1.0, small) / (1.0 + small))


def _float_risk(A: Array, ridge: float, theta: Array) -> float:
    return float(np.mean(np.logaddexp(0.0, -(A @ theta))) + 0.5 * ridge * (theta @ theta))


def _gradient(A: Array, ridge: float, theta: Array) -> Array:
    return np.asarray(ridge * theta - A.T @ sigmoid(-(A @ theta)) / len(A))


def _hessian(A: Array, ridge: float, theta: Array) -> Array:
    p = sigmoid(-(A @ theta))
    return np.asarray((A * (p * (1.0 - p))[:, None]).T @ A / len(A) + ridge * np.eye(A.shape[1]))


def _solve(H: Array, g: Array) -> Array | None:
    """H⁻¹g after scaling H to a unit diagonal; None where H is singular."""
    diagonal = np.diag(H)
    if not diagonal.min() > 0.0:
        return None
    scale = 1.0 / np.sqrt(diagonal)
    try:
        step = scale * np.linalg.solve(H * scale * scale[:, None], scale * g)
    except np.linalg.LinAlgError:
        return None
    return np.asarray(step) if np.all(np.isfinite(step)) else None


def _newton(A: Array, ridge: float) -> Array | None:
    """Damped Newton from 0 to the precision of float64; None where R has run down to a separating direction."""
    theta = np.zeros(A.shape[1])
    risk = _float_risk(A, ridge, theta)
    for _ in range(200):
        gradient = _gradient(A, ridge, theta)
        step = _solve(_hessian(A, ridge, theta), gradient)
        if step is None:
            return None
        decrement = float(gradient @ step)
        size = 1.0
        while size > 1e-10:
            candidate = theta - size * step
            lower = _float_risk(A, ridge, candidate)
            if lower <= risk - 0.25 * size * decrement or decrement < 1e-13 * max(risk, 1e-300):
                break
            size *= 0.5
        theta, risk = candidate, min(lower, risk)
        if ridge == 0.0 and (A @ theta).min() > 0.0:
            return None
        if decrement < 1e-24 * max(risk, 1e-300) or not decrement > 0.0:
            break
    return theta


def _refined_logistic(A: Array, ridge: float, theta: Array) -> tuple[Array, Array, Array]:
    """(hi, lo, ∇R(hi + lo)) by Newton steps whose gradient alone is in double-double."""
    H = _hessian(A, ridge, theta)
    point = dd.pair(theta)
    best = (*point, _logistic_gradient(A, ridge, point))
    for _ in range(40):
        step = _solve(H, best[2])
        if step is None:
            break
        point = dd.add((best[0], best[1]), dd.pair(-step))
        gradient = _logistic_gradient(A, ridge, point)
        if not np.linalg.norm(gradient) < 0.5 * np.linalg.norm(best[2]):
            break
        best = (*point, gradient)
    return best


def _logistic_gradient(A: Array, ridge: float, theta: dd.Pair) -> Array:
    n = len(A)
    weights = dd.sigmoid(dd.negative(dd.rows_times(A, theta)))
    mean = dd.divide(dd.columns_times(A, weights), dd.pair(np.full(A.shape[1], float(n))))
    return dd.add(dd.multiply(dd.pair(np.full(A.shape[1], ridge)), theta), dd.negative(mean))[0]


def _logistic_risk(A: Array, ridge: float, theta: dd.Pair) -> float:
    loss = dd.total(dd.softplus(dd.negative(dd.rows_times(A, theta))))
    mean = dd.divide(loss, dd.pair(np.array(float(len(A)))))
    square = dd.total(dd.multiply(theta, theta))
    return float(dd.add(mean, dd.multiply(dd.pair(np.array(0.5 * ridge)), square))[0])


def _self_concordant(A: Array, ridge: float, theta: Array, g: float) -> float:
    """μ of R near θ, where ‖∇R(θ)‖ <= g, such that a minimiser is proven to lie within g/μ of θ; 0 without a proof.

    On the sphere ‖d‖ = r, R(θ+d) − R(θ) >= −g r + m ψ(Br)/B², ψ(x) = e^−x + x − 1 >= x²/2 − x³/6 and m = λ_min(∇²R(θ));
    where that is positive, a minimiser lies inside. There ∇²R ⪰ m e^{−Br}, so the radius shrinks to g/(m e^{−Br}).
    """
    n = len(A)
    p = sigmoid(-(A @ theta))
    least, _ = singular_range(A * np.sqrt(p * (1.0 - p))[:, None])
    m = 0.99 * least**2 / n + ridge
    B = 1.0001 * float(np.linalg.norm(A, axis=1).max())
    if m <= 0.0:
        return 0.0
    r = 3.0 * g / m
    x = B * r
    if x > 0.5 or not m * r**2 * (0.5 - x / 6.0) > g * r:  # with x = Br: B may be 0
        return 0.0
    return m * float(np.exp(-x))
