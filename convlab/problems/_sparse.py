"""The certified minimiser of the lasso: an active set, refined in double-double on its support, and the duality gap.

R(θ) = (1/2n)‖Xθ − y‖² + (ridge/2)‖θ‖² + λ‖θ‖₁ is least where g = Xᵀ(Xθ − y)/n + ridge θ has g_j = −λ sign(θ_j) on the
support S = {θ_j ≠ 0} and |g_j| <= λ off it. Where these hold strictly off S for the solution of the linear system on S,
no θ_j on S changes its sign within the error of that solution, and X_S has full column rank (or ridge > 0), it is the
minimiser, and the only one (Tibshirani, Electron. J. Stat. 7 (2013), Lemma 2). Columns that are equal, or opposite, may
split their weight as they like where ridge = 0: the minimiser nearest to θ0 = 0 splits it evenly.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.linalg

from convlab.problems import _double as dd
from convlab.problems._certify import SAFE, Certified, U, doubled_rounding, length
from convlab.problems._enclosure import Between, doubled
from convlab.problems._singular import singular_range

Array = npt.NDArray[np.float64]
_PASSES = 40
_KEPT = 4096  # columns up to which their Gram matrix is computed once


class Lasso(NamedTuple):
    """``found`` is None where the minimiser is not proven to be the only one, ``words`` then say why.

    ``up`` and ``down`` [d] are λ + g_j and λ − g_j at the minimiser: the slopes of R off the support, to either side.
    """

    found: Certified | None
    low: float
    high: float
    up: Array
    down: Array
    words: str


def largest_l1(X: Array, y: Array) -> float:
    """λ_max = ‖Xᵀy‖_∞/n: from there on the minimiser is 0."""
    return float(np.abs(X.T @ y).max()) / len(X)


def lasso_minimiser(X: Array, y: Array, l1: float, ridge: float) -> Lasso:
    """The minimiser with its proof, of several the nearest to 0; or the interval for R* alone."""
    first, flip = _repeats(X)
    alone = first == np.arange(X.shape[1])
    if ridge > 0.0 or alone.all():
        return _minimiser(X, y, l1, ridge)
    return _split_evenly(_minimiser(np.ascontiguousarray(X[:, alone]), y, l1, ridge), first, flip)


def _repeats(X: Array) -> tuple[npt.NDArray[np.int64], Array]:
    """For each column the first one that is equal or opposite to it [d], and the sign between them [d]."""
    lead = X[np.argmax(X != 0.0, axis=0), np.arange(X.shape[1])]
    signs = np.where(lead < 0.0, -1.0, 1.0)
    seen: dict[bytes, int] = {}
    columns = (X * signs + 0.0).T  # + 0.0, as −0.0 has other bytes
    first = np.array([seen.setdefault(column.tobytes(), j) for j, column in enumerate(columns)])
    return first, signs * signs[first]


def _split_evenly(of_firsts: Lasso, first: npt.NDArray[np.int64], flip: Array) -> Lasso:
    """Of the minimisers with θ_j + … = w on m equal columns that with θ_j = … = w/m: nearest to 0, as ‖·‖² is convex
    and does not change if they are exchanged. An error of w is divided as well, so that the radius is not larger."""
    place = np.searchsorted(np.unique(first), first)
    alike = np.bincount(place)[place].astype(float)
    up, down = of_firsts.up[place], of_firsts.down[place]
    up, down = np.where(flip > 0.0, up, down), np.where(flip > 0.0, down, up)
    found = of_firsts.found
    if found is None:
        return of_firsts._replace(up=up, down=down)
    hi, lo = dd.divide((flip * found.hi[place], flip * found.lo[place]), dd.pair(alike))
    radius = found.radius + 2.0**-98 * length(hi)
    words = (
        f"{len(first) - len(found.hi)} columns repeat others, with or without the sign: of all minimisers the one "
        f"nearest to 0, which gives them equal weights; without them {found.words}"
    )
    return Lasso(found._replace(hi=hi, lo=lo, radius=radius, words=words), *of_firsts[1:3], up, down, words)


def _minimiser(X: Array, y: Array, l1: float, ridge: float) -> Lasso:
    n, d = X.shape
    signs, point, gradient = _solved(X, y, l1, ridge)
    S = signs != 0.0
    error = doubled_rounding(X, point[0], y, X @ point[0] - y, 1.0, ridge) + 2.0**-100 * l1
    whole = dd.pair(np.full(d, l1))
    up = np.where(S, l1 * (1.0 - signs), dd.add(whole, gradient)[0])
    down = np.where(S, l1 * (1.0 + signs), dd.add(whole, dd.negative(gradient))[0])
    residual = dd.add((gradient[0][S], gradient[1][S]), dd.pair(l1 * signs[S]))[0]
    least, _ = singular_range(X[:, S]) if S.any() else (0.0, 0.0)
    _, largest = singular_range(X)
    curvature = least**2 / n + ridge
    between = _interval(X, y, l1, ridge, point)
    low, high = between.ends()
    radius = SAFE * (length(residual) + error) / curvature if curvature > 0.0 else math.inf
    slack = np.minimum(up, down)[~S]
    strict = radius < math.inf and bool(np.all(slack > SAFE * (error + (largest**2 / n + ridge) * radius)))
    signed = bool(np.all(signs[S] * point[0][S] > radius))
    size = f"{int(S.sum())} of {d} coordinates are not 0"
    if strict and signed:
        margin = f", the others with |g_j| <= {float(1.0 - slack.min() / l1):.6g} l1" if len(slack) else ""
        words = (
            f"active set, refined in doubled precision: {size}{margin}; independent columns on the support, so the "
            f"only minimiser: |theta - theta*| <= {radius:.1e}; R* by the duality gap"
        )
        return Lasso(Certified(*point, low, high, radius, words), low, high, up, down, words)
    mu = (singular_range(X)[0] ** 2 / n if n >= d else 0.0) + ridge
    if mu > 0.0:  # the support is not certain, the minimiser is unique
        radius = SAFE * math.sqrt(2.0 * float(between.high - between.low) / mu)
        words = f"active set, {size}; strong convexity and the duality gap: |theta - theta*| <= {radius:.1e}"
        return Lasso(
            Certified(*point, low, high, radius, words), low, high, np.maximum(up, 0), np.maximum(down, 0), words
        )
    words = (
        "a minimum is attained, but not at one point only as far as could be proven (columns depend on each other, or "
        "|g_j| = l1 off the support), and D is the distance to the nearest; a ridge > 0 makes it one point"
    )
    return Lasso(None, low, high, up, down, words)


def smooth_gradient(X: Array, y: Array, ridge: float, theta: dd.Pair) -> dd.Pair:
    """Xᵀ(Xθ − y)/n + ridge θ [d]."""
    residual = dd.add(dd.rows_times(X, theta), dd.pair(-y))
    mean = dd.divide(dd.columns_times(X, residual), dd.pair(np.full(X.shape[1], float(len(X)))))
    return dd.add(dd.multiply(dd.pair(np.full(X.shape[1], ridge)), theta), mean)


def _solved(X: Array, y: Array, l1: float, ridge: float) -> tuple[Array, dd.Pair, dd.Pair]:
    """Signs [d] of the minimiser, the point and its gradient as pairs: refined, and the support mended if that shows
    a |g_j| > λ off it that float64 did not."""
    theta = np.zeros(X.shape[1])
    for _ in range(_PASSES):
        theta = _active_set(X, y, l1, ridge, theta)
        signs = np.sign(theta)
        point = _refined(X, y, l1, ridge, theta)
        gradient = smooth_gradient(X, y, ridge, point)
        excess = np.where(signs == 0.0, np.abs(gradient[0]) - l1, 0.0)
        if np.all(signs * point[0] >= 0.0) and excess.max() <= 0.0:
            break
        kept = np.where(signs * point[0] > 0.0, point[0], 0.0)
        if np.array_equal(kept, theta):
            break
        theta = kept
    return signs, point, gradient


def _active_set(X: Array, y: Array, l1: float, ridge: float, theta: Array) -> Array:
    """From a θ to the minimiser in float64: the steepest coordinate enters, then a step to the minimiser on the
    support, or up to where the first coordinate reaches 0, which leaves (Lee, Battle, Raina and Ng, NIPS 2006)."""
    n, d = X.shape
    whole = _gram(X, ridge) if d <= _KEPT else None
    noise = 8.0 * U * np.linalg.norm(X, axis=0) * float(np.linalg.norm(y)) / n
    for _ in range(20 * d + 100):
        gradient = X.T @ (X @ theta - y) / n + ridge * theta
        signs = np.sign(theta)
        excess = np.where(signs == 0.0, np.abs(gradient) - l1, -np.inf)
        enters = int(np.argmax(excess))
        if excess[enters] > noise[enters]:
            signs[enters] = -np.sign(gradient[enters])
        elif np.abs(gradient + l1 * signs)[signs != 0.0].max(initial=0.0) <= 1e-9 * l1:
            break
        while (signs != 0.0).any():
            S = np.flatnonzero(signs)
            now = theta[S]
            gram = _gram(X[:, S], ridge) if whole is None else whole[np.ix_(S, S)]
            way = _towards(gram, X[:, S].T @ (y - X[:, S] @ now) / n - ridge * now - l1 * signs[S])
            falls = way * signs[S] < 0.0
            share = np.where(falls, -now / np.where(falls, way, 1.0), np.inf)
            first = int(np.argmin(share))
            if share[first] > 1.0 and np.all((now + way) * signs[S] > 0.0):
                theta[S] = now + way
                break
            if share[first] == np.inf:
                return theta
            theta[S] = now + share[first] * way
            theta[S[first]] = signs[S[first]] = 0.0
    return theta


def _gram(X: Array, ridge: float) -> Array:
    return np.asarray(X.T @ X / len(X) + ridge * np.eye(X.shape[1]))


def _towards(gram: Array, descent: Array) -> Array:
    """From a point with the gradient −``descent`` to the minimiser on a support; where its columns are dependent, a
    way along which Xθ stays and R falls, as long as one likes."""
    step = _on_support(gram, descent)
    if step is not None:
        return step
    way = np.linalg.eigh(gram)[1][:, 0]
    return np.asarray(way * np.sign(way @ descent) * 2.0**100)


def _on_support(gram: Array, right: Array) -> Array | None:
    """gram⁻¹ right after scaling to a unit diagonal; None where the columns are dependent, to rounding."""
    scale = 1.0 / np.sqrt(np.diag(gram))
    try:
        factor = scipy.linalg.cho_factor(gram * scale * scale[:, None])
    except np.linalg.LinAlgError:
        return None
    if np.diag(factor[0]).min() ** 2 <= 16.0 * U * (len(gram) + 10):
        return None
    return np.asarray(scale * scipy.linalg.cho_solve(factor, scale * right))


def _refined(X: Array, y: Array, l1: float, ridge: float, theta: Array) -> dd.Pair:
    """θ as a pair whose g_S + λ sign(θ_S), in double-double, is as small as it gets."""
    S = np.flatnonzero(theta)
    hi, lo = theta.copy(), np.zeros_like(theta)
    if not len(S):
        return hi, lo
    columns, signs = np.ascontiguousarray(X[:, S]), np.sign(theta[S])
    best, least, gram = dd.pair(theta[S]), math.inf, _gram(columns, ridge)
    point = best
    for _ in range(40):
        residual = dd.add(smooth_gradient(columns, y, ridge, point), dd.pair(l1 * signs))[0]
        size = float(np.linalg.norm(residual))
        if not size < 0.5 * least:
            break
        best, least = point, size
        step = _on_support(gram, residual)
        if step is None:
            break
        point = dd.add(best, dd.pair(-step))
    hi[S], lo[S] = best
    return hi, lo


def _interval(X: Array, y: Array, l1: float, ridge: float, theta: dd.Pair) -> Between:
    """[D(ν), R(θ)] in double-double, moved apart by their rounding.

    The dual D(ν) = ν·y − (n/2)‖ν‖² − Σ_j max(|x_j·ν| − λ, 0)²/(2 ridge), the sum being 0 or ∞ where ridge = 0: there
    ν = (y − Xθ)/n is scaled until ‖Xᵀν‖_∞ <= λ, by a factor that allows for the rounding of Xᵀν.
    """
    n, d = X.shape
    residual = dd.add(dd.pair(y), dd.negative(dd.rows_times(X, theta)))
    nu = dd.divide(residual, dd.pair(np.full(n, float(n))))
    against = dd.columns_times(X, nu)
    flip = np.where(against[0] < 0.0, -1.0, 1.0)
    size = flip * against[0], flip * against[1]
    unit = 2.0**-100 * (d + math.log2(n) + 30.0)  # in relation to the sizes of the terms
    blur = unit * float((np.abs(X).T @ (np.abs(X) @ np.abs(theta[0]) + np.abs(y)) / n).max())
    squares = dd.divide(dd.total(dd.multiply(residual, residual)), dd.pair(np.array(2.0 * n)))
    norm1 = dd.total((np.abs(theta[0]), np.where(theta[0] < 0.0, -theta[1], theta[1])))
    norm2 = dd.total(dd.multiply(theta, theta))
    primal = dd.add(squares, dd.multiply(dd.pair(np.array(l1)), norm1))
    primal = dd.add(primal, dd.multiply(dd.pair(np.array(0.5 * ridge)), norm2))
    along = dd.total(dd.multiply(nu, dd.pair(y)))
    if ridge > 0.0:
        over = dd.add(size, dd.pair(np.full(d, -l1)))
        over = np.where(over[0] > 0.0, over[0], 0.0), np.where(over[0] > 0.0, over[1], 0.0)
        beyond = dd.divide(dd.total(dd.multiply(over, over)), dd.pair(np.array(2.0 * ridge)))
        dual = dd.add(dd.add(along, dd.negative(squares)), dd.negative(beyond))
        spread = blur * (2.0 * float(over[0].sum()) + d * blur) / (2.0 * ridge)
    else:
        most = size[0].max()
        top = dd.add((most, size[1][size[0] == most].max()), dd.pair(np.array(blur)))
        shrink = dd.divide(dd.pair(np.array(l1)), dd.add(top, dd.pair(np.array(2.0**-98 * float(top[0])))))
        shrink = shrink if float(top[0]) > l1 * (1.0 - 2.0**-40) else dd.pair(np.array(1.0))
        dual = dd.add(dd.multiply(shrink, along), dd.negative(dd.multiply(dd.multiply(shrink, shrink), squares)))
        spread = 0.0
    terms = float(np.abs(y) @ (np.abs(X) @ np.abs(theta[0]) + np.abs(y))) / n + float(primal[0])
    error = unit * terms + spread
    return Between(max(doubled(dual, error).low, Fraction(0)), doubled(primal, error).high)
