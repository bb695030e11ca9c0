"""The certified minimiser of least squares, by the singular value decomposition and refinement in double-double."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from convlab.problems import _double as dd
from convlab.problems._certify import SAFE, Certified, U, doubled_rounding, length
from convlab.problems._enclosure import Between, doubled, exactly
from convlab.problems._relations import relations
from convlab.problems._singular import singular_range, thin

Array = npt.NDArray[np.float64]


class _Found(NamedTuple):
    point: dd.Pair
    gradient: Array  # its high parts
    blur: float = 0.0  # how far the point may be from the row space


def least_squares_minimiser(X: Array, y: Array, ridge: float) -> Certified | str:
    """The minimiser of (1/2n)‖Xθ − y‖² + (ridge/2)‖θ‖² that is nearest to 0, or why none could be proven.

    R is quadratic, so ‖θ − θ*‖ <= ‖g‖/λ and R − R* <= ‖g‖²/(2λ), λ the least positive eigenvalue of the Hessian: ridge,
    or σ_r²/n + ridge with r the rank of X, min(n, d) where the least singular value is proven positive, else d less the
    number of relations among the columns that are proven to hold exactly. For r < d and ridge = 0, θ = Xᵀw keeps to the
    row space, in which the nearest minimiser to 0 lies, up to the rounding of that product. Where X has full column
    rank and θ*, as a float64, fits every row exactly, it is the minimiser, and known without an error.
    """
    n, d = X.shape
    used = np.any(X != 0.0, axis=0)  # a column of zeros moves nothing: its θ_j stays 0
    if not used.all():
        return _without_zeros(X, y, ridge, used)
    left, values, right = thin(X)
    margin = (n + d + 10) * U * float(values[0])
    rank = int(np.sum(values > 2.0 * margin))
    least = singular_range(X, rank)[0] if rank else 0.0
    if ridge == 0.0 and (least == 0.0 or (rank < min(n, d) and not relations(X, d - rank))):
        return (
            f"no nearest minimiser could be certified: the columns are dependent, or nearly so ({rank} of "
            f"{min(n, d)} singular values exceed their rounding): remove columns, or give a ridge"
        )
    eigenvalue = least**2 / n * (1.0 - 4 * U) if rank == d or ridge == 0.0 else 0.0
    curvature = (eigenvalue + ridge) * (1.0 - 2 * U)
    kept = slice(None) if ridge > 0.0 else slice(rank)
    factors = left[:, kept], values[kept], right[kept].T
    found = _in_the_row_space(X, y, factors) if ridge == 0.0 and rank < d else _refined(X, y, ridge, factors)
    hi, lo = found.point
    few = np.where(np.abs(hi) <= 2.0**-80 * np.abs(hi).max(), 0.0, hi)  # what the refinement left of a θ*_j = 0
    if ridge == 0.0 and rank == d and _fits(X, y, few):
        words = "full column rank, and every row is fitted: X theta* = y, checked without rounding"
        return Certified(few, np.zeros(d), 0.0, 0.0, 0.0, words, interpolates=True)
    g = length(found.gradient) + doubled_rounding(X, hi, y, (X @ hi - y) * SAFE, 1.0, ridge)
    radius = g / curvature * (1.0 + 4 * U)
    words = _words(rank, n, d, ridge, g, radius)
    if ridge == 0.0 and rank == n:  # Xθ = y has a solution
        return Certified(hi, lo, 0.0, 0.0, radius, f"{words}, every row can be fitted", found.blur, interpolates=True)
    value = risk_at(X, y, ridge, found.point)
    low, high = value._replace(low=value.low - Fraction(SAFE * g * radius / 2.0)).ends()
    return Certified(hi, lo, max(low, 0.0), high, radius, f"{words}, R(theta) - R* <= |grad R|²/(2 mu)", found.blur)


def _words(rank: int, n: int, d: int, ridge: float, g: float, radius: float) -> str:
    how = "strong convexity by the ridge" if ridge > 0.0 else "full column rank" if rank == d else "full row rank"
    if ridge == 0.0 and rank < min(n, d):
        how = f"rank {rank} of {d}, proven by {d - rank} exact relation{'s' * (d - rank > 1)} between columns"
    return (
        f"least squares, refined in doubled precision to |grad R| <= {g:.1e}; {how}: |theta - theta*| <= {radius:.1e}"
    )


def _without_zeros(X: Array, y: Array, ridge: float, used: npt.NDArray[np.bool_]) -> Certified | str:
    d = X.shape[1]
    hi, lo = np.zeros(d), np.zeros(d)
    if not used.any():
        low, high = risk_at(X, y, ridge, (hi, lo)).ends()
        return Certified(hi, lo, max(low, 0.0), high, 0.0, "all columns are zero")
    part = least_squares_minimiser(X[:, used], y, ridge)
    if isinstance(part, str):
        return part
    hi[used], lo[used] = part.hi, part.lo
    return part._replace(hi=hi, lo=lo)


def _refined(X: Array, y: Array, ridge: float, factors: tuple[Array, Array, Array]) -> _Found:
    """Newton steps whose gradient alone is in double-double."""
    left, values, V = factors
    spectrum = values**2 / len(X) + ridge
    point = dd.pair(V @ (values / len(X) / spectrum * (left.T @ y)))
    best = _Found(point, _gradient(X, y, ridge, point))
    for _ in range(40):
        inside = V.T @ best.gradient
        step = V @ (inside / spectrum)
        if ridge > 0.0 and len(V) > len(spectrum):
            step = step + (best.gradient - V @ inside) / ridge
        point = dd.add(best.point, dd.pair(-step))
        gradient = _gradient(X, y, ridge, point)
        if not np.linalg.norm(gradient) < 0.5 * np.linalg.norm(best.gradient):
            break
        best = _Found(point, gradient)
    return best


def _in_the_row_space(X: Array, y: Array, factors: tuple[Array, Array, Array]) -> _Found:
    """The same for θ = Xᵀw without a ridge, w refined: θ errs by (8 + 3 log2 n)u²|X|ᵀ|w|, which is its ``blur``."""
    left, values, V = factors
    n = len(X)

    def at(w: dd.Pair) -> _Found:
        point = dd.columns_times(X, w)
        blur = SAFE * U**2 * (3.0 * math.log2(n) + 16.0) * float(np.linalg.norm(np.abs(X).T @ np.abs(w[0])))
        return _Found(point, _gradient(X, y, 0.0, point), blur)

    w = dd.pair(left @ ((left.T @ y) / values**2))
    best = at(w)
    for _ in range(40):
        step = left @ ((V.T @ best.gradient) * n / values / values**2)
        after = dd.add(w, dd.pair(-step))
        found = at(after)
        if not np.linalg.norm(found.gradient) < 0.5 * np.linalg.norm(best.gradient):
            break
        best, w = found, after
    return best


def _fits(X: Array, y: Array, theta: Array) -> bool:
    """Whether Xθ = y exactly: products as pairs without error, and sums by `math.fsum`, which are 0 only if they are.

    A residual of a size that rounding does not explain answers at once, and so does a product so small that its
    error would be lost.
    """
    plain = X @ theta - y
    if np.any(np.abs(plain) > 2 * (X.shape[1] + 2) * U * (np.abs(X) @ np.abs(theta) + np.abs(y))):
        return False
    products, errors = dd.two_product(X, theta[None, :])
    if np.any((np.abs(products) <= 1e-290) & (X != 0.0) & (theta != 0.0)):
        return False
    return all(math.fsum([*p, *e, -b]) == 0.0 for p, e, b in zip(products, errors, y, strict=True))


def _residual(X: Array, y: Array, theta: dd.Pair) -> dd.Pair:
    return dd.add(dd.rows_times(X, theta), dd.pair(-y))


def _gradient(X: Array, y: Array, ridge: float, theta: dd.Pair) -> Array:
    n, d = X.shape
    mean = dd.divide(dd.columns_times(X, _residual(X, y, theta)), dd.pair(np.full(d, float(n))))
    return dd.add(dd.multiply(dd.pair(np.full(d, ridge)), theta), mean)[0]


def risk_at(X: Array, y: Array, ridge: float, theta: dd.Pair) -> Between:
    """R(hi + lo), (1/2n)‖Xθ − y‖² + (ridge/2)‖θ‖², between proven ends.

    A residual errs by ρ = (4d + 14)u²(|x_i||θ| + |y_i|), which moves half its square by |r|ρ + ρ²/2; squares, mean and
    ridge err by 8u², 3u²⌈log2 n⌉, 12u² and 3u² more.
    """
    n, d = X.shape
    residual = _residual(X, y, theta)
    mean = dd.divide(dd.total(dd.multiply(residual, residual)), dd.pair(np.array(2.0 * n)))
    square = dd.multiply(dd.pair(np.array(0.5 * ridge)), dd.total(dd.multiply(theta, theta)))
    rho = SAFE * (4.0 * d + 14.0) * U**2 * (np.abs(X) @ np.abs(theta[0]) + np.abs(y))
    error = float(np.mean(np.abs(residual[0]) * rho + rho**2))
    error += U**2 * ((3.0 * math.log2(n) + 30.0) * float(mean[0]) + (3.0 * math.log2(d) + 40.0) * float(square[0]))
    value = doubled(dd.add(mean, square), SAFE * error + 2.0**-1000)
    return Between(max(value.low, exactly(0).low), value.high)
