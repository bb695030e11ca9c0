"""The certified minimiser of least squares, by the singular value decomposition and refinement in double-double."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from convlab.problems import _double as dd
from convlab.problems._certify import Certified, U, doubled_rounding

Array = npt.NDArray[np.float64]


def least_squares_minimiser(X: Array, y: Array, ridge: float) -> Certified:
    """The minimiser of (1/2n)‖Xθ − y‖² + (ridge/2)‖θ‖² that is nearest to 0.

    R is quadratic, so ‖θ − θ*‖ <= ‖g‖/λ and R − R* <= ‖g‖²/(2λ), λ the least positive eigenvalue of the Hessian. A
    lower bound on λ is proven for ridge > 0 and for X of full column or row rank; else it follows the numerical rank
    (the number of singular values above their own rounding error), and the certificate says so. Where X has full column
    rank and θ*, as a float64, fits every row exactly, it is the minimiser, and known without an error.
    """
    n, d = X.shape
    used = np.any(X != 0.0, axis=0)  # a column of zeros moves nothing: its θ_j stays 0
    if not used.all():
        part = least_squares_minimiser(X[:, used], y, ridge) if used.any() else None
        hi, lo = np.zeros(d), np.zeros(d)
        if part is None:
            risk = 0.5 * float(np.mean(y**2))
            return Certified(hi, lo, risk, risk, 0.0, "all columns are zero")
        hi[used], lo[used] = part.hi, part.lo
        return part._replace(hi=hi, lo=lo)
    left, values, right = np.linalg.svd(X, full_matrices=False)
    margin = (n + d + 10) * U * float(values[0])
    rank = int(np.sum(values > 2.0 * margin))
    kept = slice(None) if ridge > 0.0 else slice(rank)
    V, spectrum = right[kept].T, values[kept] ** 2 / n + ridge
    theta = V @ (values[kept] / n / spectrum * (left[:, kept].T @ y))
    hi, lo, gradient = _refined(X, y, ridge, V, spectrum, theta)
    few = np.where(np.abs(hi) <= 2.0**-80 * np.abs(hi).max(), 0.0, hi)  # what the refinement left of a θ*_j = 0
    if ridge == 0.0 and n >= d and values[-1] > margin and _fits(X, y, few):
        words = "full column rank, and every row is fitted: X theta* = y, checked without rounding"
        return Certified(few, np.zeros(d), 0.0, 0.0, 0.0, words, interpolates=True)
    g = float(np.linalg.norm(gradient)) + doubled_rounding(X, hi, y, X @ hi - y, 1.0, ridge)
    least = ridge if rank < d else ridge + max(float(values[-1]) - margin, 0.0) ** 2 / n
    words = "full column rank" if ridge == 0.0 else "strong convexity by the ridge"
    drift = 0.0
    if ridge == 0.0 and rank < d:
        least = (float(values[rank - 1]) - margin) ** 2 / n
        # hi lies in the row space to rounding: so far from the minimiser nearest to 0
        drift = (n + d + 10) * U * float(np.linalg.norm(hi) * values[0] / values[rank - 1])
        words = "full row rank" if rank == n else f"numerical rank {rank} of {d}, read off the singular values"
    radius = g / least
    words = (
        f"least squares, refined in doubled precision to |grad R| <= {g:.1e}; {words}: |theta - theta*| <= {radius:.1e}"
    )
    if ridge == 0.0 and rank == n:  # Xθ = y has a solution
        return Certified(hi, lo, 0.0, 0.0, radius, words, drift, interpolates=True)
    risk = _risk(X, y, ridge, (hi, lo))
    return Certified(hi, lo, max(risk - g * g / (2.0 * least), 0.0), risk, radius, words, drift)


def _refined(X: Array, y: Array, ridge: float, V: Array, spectrum: Array, theta: Array) -> tuple[Array, Array, Array]:
    point = dd.pair(theta)
    best = (*point, _gradient(X, y, ridge, point))
    for _ in range(40):
        inside = V.T @ best[2]
        step = V @ (inside / spectrum)
        if ridge > 0.0 and len(V) > len(spectrum):
            step = step + (best[2] - V @ inside) / ridge
        point = dd.add((best[0], best[1]), dd.pair(-step))
        gradient = _gradient(X, y, ridge, point)
        if not np.linalg.norm(gradient) < 0.5 * np.linalg.norm(best[2]):
            break
        best = (*point, gradient)
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


def _risk(X: Array, y: Array, ridge: float, theta: dd.Pair) -> float:
    residual = _residual(X, y, theta)
    mean = dd.divide(dd.total(dd.multiply(residual, residual)), dd.pair(np.array(2.0 * len(X))))
    square = dd.total(dd.multiply(theta, theta))
    return float(dd.add(mean, dd.multiply(dd.pair(np.array(0.5 * ridge)), square))[0])
