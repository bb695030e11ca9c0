"""Certified minimisers of linear models: Newton in float64, refinement in double-double, then a proven interval.

θ* = hi + lo is refined until ‖∇R(hi + lo)‖ stops falling (some 1e-30); what is left is a proven radius:
strong convexity gives ‖θ − θ*‖ <= ‖g‖/μ and R − R* <= ‖g‖²/(2μ). Where there is no ridge, logistic regression is
quasi-self-concordant: ∇²R(θ+d) ⪰ e^{−B‖d‖}∇²R(θ) with B = max‖x_i‖ (Bach, Electron. J. Stat. 4 (2010), Prop. 1).
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from convlab.problems import _double as dd
from convlab.problems._enclosure import doubled
from convlab.problems._singular import singular_range as singular_range  # the lasso and the hinge read it here

Array = npt.NDArray[np.float64]
U = 2.0**-53  # unit roundoff
_NUMBERS = 1 << 20  # of a table that are weighted at once
SAFE = 1.01  # for the rounding of an error bound that is itself evaluated in float64


class Certified(NamedTuple):
    """θ* within ``radius`` of hi + lo; R(θ*) in [risk_low, risk_high], both proven, rounded outwards."""

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


def doubled_rounding(
    X: Array, theta: Array, y: Array, slopes: Array, curvature: float, ridge: float, reach: Array | float = 0.0
) -> float:
    """A proven bound on the error of the gradient in double-double: x_i·θ summed in order, the rows pairwise.

    |ℓ''| <= curvature; ``reach`` [n] is |z_i| where the slope is a sigmoid of z_i, which errs by (84 + 9|z|)u². In
    units of 2^-102 = 16u²: (4d + 10)u² and 3u² of y come from x_i·θ, (8 + 3 log2 n + 12)u² and the slope's own from
    the mean, and the rest covers the sum with ridge θ.
    """
    n, d = X.shape
    inner = curvature * (2.0 * d + 10.0) * (np.abs(X) @ np.abs(theta) + np.abs(y))
    outer = (2.0 * math.log2(n) + 50.0 + reach) * np.abs(slopes)
    error = float(np.mean(np.linalg.norm(X, axis=1) * (inner + outer))) + 10.0 * ridge * float(np.linalg.norm(theta))
    return SAFE * 2.0**-102 * error + 2.0**-1000


def length(gradient: Array) -> float:
    """An upper bound on the norm of a gradient of which the high parts are given."""
    return float(np.linalg.norm(gradient)) * (1.0 + (gradient.size + 4) * U)


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
    z = A @ hi
    slopes, zeros = sigmoid(-z) * SAFE, np.zeros(len(A))
    g = length(gradient) + doubled_rounding(A, hi, zeros, slopes, 0.25, ridge, np.abs(z) + 1.0)
    mu, words = ridge, "strong convexity by the ridge"
    local = _self_concordant(A, ridge, hi, g)
    if local > 10.0 * ridge:
        mu, words = local, "quasi-self-concordance"
    if not g < 1e-6 * mu * (1.0 + float(np.linalg.norm(hi))):
        return None
    radius = g / mu * (1.0 + 4 * U)
    value, error = _logistic_risk(A, ridge, (hi, lo))
    at_point = doubled(value, error)
    low, high = at_point._replace(low=at_point.low - Fraction(SAFE * g * radius / 2.0)).ends()
    words = f"Newton, refined in doubled precision to |grad R| <= {g:.1e}; {words}: |theta - theta*| <= {radius:.1e}"
    return Certified(hi, lo, max(low, 0.0), high, radius, f"{words}, R(theta) - R* <= |grad R|²/(2 mu)")


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
    weights, size = p * (1.0 - p), max(1, _NUMBERS // A.shape[1])
    total = np.zeros((A.shape[1], A.shape[1]))
    for rows in (slice(low, low + size) for low in range(0, len(A), size)):  # no second table of a large one
        total += (A[rows] * weights[rows, None]).T @ A[rows]
    return np.asarray(total / len(A) + ridge * np.eye(A.shape[1]))


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


def _logistic_risk(A: Array, ridge: float, theta: dd.Pair) -> tuple[dd.Pair, float]:
    """R(hi + lo) and a bound on its error: (4d + 10)u²|A_i||θ| of z_i and (96 + 3|z_i|)u² of softplus in each row,
    3u²⌈log2 n⌉ and 12u² in their mean, 30u² + 3u²⌈log2 d⌉ in the ridge's part and the last sum."""
    n, d = A.shape
    z = dd.rows_times(A, theta)
    losses = dd.softplus(dd.negative(z))
    mean = dd.divide(dd.total(losses), dd.pair(np.array(float(n))))
    square = dd.multiply(dd.pair(np.array(0.5 * ridge)), dd.total(dd.multiply(theta, theta)))
    rows = (4.0 * d + 10.0) * (np.abs(A) @ np.abs(theta[0])) + 96.0 + 3.0 * np.abs(z[0])
    spread = float(np.mean(rows)) + (3.0 * math.log2(n) + 20.0) * float(mean[0])
    spread += (3.0 * math.log2(d) + 40.0) * float(square[0])
    return dd.add(mean, square), SAFE * U**2 * spread + 2.0**-1000


def _self_concordant(A: Array, ridge: float, theta: Array, g: float) -> float:
    """μ of R near θ, where ‖∇R(θ)‖ <= g, such that a minimiser is proven to lie within g/μ of θ; 0 without a proof.

    On the sphere ‖d‖ = r, R(θ+d) − R(θ) >= −g r + m ψ(Br)/B², ψ(x) = e^−x + x − 1 >= x²/2 − x³/6 and m = λ_min(∇²R(θ));
    where that is positive, a minimiser lies inside. There ∇²R ⪰ m e^{−Br}, so the radius shrinks to g/(m e^{−Br}).

    m comes from √(σ'(z_i)) A_i, z = Aθ: z_i errs by (d + 2)u|A_i||θ| and |(log σ')'| <= 1, so each weight by half of
    that, relative, and 8u more. (θ is hi alone; what lo moves is of the next order, and in the factor 0.99.)
    """
    n, d = A.shape
    z = A @ theta
    decay = np.exp(-np.abs(z))
    weights = np.sqrt(decay) / (1.0 + decay)
    blur = U * ((d + 2) * float((np.abs(A) @ np.abs(theta)).max()) + 10.0)
    scaled = A * weights[:, None]
    least = singular_range(scaled)[0] - blur * SAFE * float(np.linalg.norm(scaled))
    m = 0.99 * max(least, 0.0) ** 2 / n + ridge
    B = 1.0001 * float(np.linalg.norm(A, axis=1).max())
    if m <= 0.0:
        return 0.0
    r = 3.0 * g / m
    x = B * r
    if x > 0.5 or not m * r**2 * (0.5 - x / 6.0) > g * r:  # with x = Br: B may be 0
        return 0.0
    return float(m * math.exp(-x) * (1.0 - 2.0**-40))
