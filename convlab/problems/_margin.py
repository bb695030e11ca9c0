"""The certified minimiser of a linear support vector machine: its dual by an interior point, then its active set.

R(θ) = (1/n)Σ max(0, 1 − m_i) + (ridge/2)‖θ‖², m_i = a_i·θ, has the dual

    max (1/n)Σα_i − (ridge/2)‖θ(α)‖²,   θ(α) = Σα_i a_i/(n ridge),   0 <= α_i <= 1,

with θ* = θ(α*), and α*_i = 1 where m_i < 1, 0 where m_i > 1. On E, the rows with m_i = 1, α is the solution of
A_E θ(α) = 1. If these hold strictly for that solution, and A_E has full row rank, it is the minimiser. Where they do
not, the duality gap in double-double proves it; where that stays open, as for columns of unlike scales, rational
numbers decide on small tables, and on large ones nothing is claimed.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from convlab.core.errors import ConvlabError
from convlab.problems import _double as dd
from convlab.problems._certify import SAFE, Certified, U
from convlab.problems._enclosure import Between, doubled
from convlab.problems._parameters import positive
from convlab.problems._rational_margin import exact_dual, rational
from convlab.problems._singular import singular_range

Array = npt.NDArray[np.float64]
_ROUNDS = 60


_WIDTH = Fraction(1, 1 << 50)  # of R*'s interval, relative: the gap errs by as much, and is shown with float64's digits
REFUSED = (
    "no minimiser could be certified (columns badly scaled or dependent): increase the ridge or standardise the rows"
)


class Machine(NamedTuple):
    """The minimiser; at it ``alpha`` and ``rest`` = 1 − α [n], and ``loss`` = 1 − m_i [n], 0 on the margin.

    ``found`` is None where none could be certified: then only ``between`` is proven.
    """

    found: Certified | None
    between: Between  # R*
    alpha: Array
    rest: Array
    loss: Array


def machine(A: Array, ridge: float) -> Machine:
    """The minimiser of mean_i max(0, 1 − A_i·θ) + (ridge/2)‖θ‖², A_i = y_i x_i, ridge > 0."""
    guess = np.full(len(A), 0.5)
    solved: Machine | None = None
    # float64 may overflow or meet a singular matrix here: then its numbers prove nothing, and the next way is tried
    with np.errstate(all="ignore"):
        try:
            guess = _interior_point(A, ridge)
            guess, on = _active_set(A, ridge, guess)
            solved = _proven(A, ridge, guess, on)
        except (np.linalg.LinAlgError, OverflowError, ValueError):
            pass
    if solved is not None and solved.found is not None:
        return solved
    exact = exact_dual(A, ridge, np.where(np.isfinite(guess), guess, 0.5))
    if exact is not None:
        return _rational(A, ridge, *exact)
    nothing = np.zeros(len(A))
    return solved or Machine(None, Between(Fraction(0), Fraction(1)), nothing, nothing, nothing)  # 0 <= R* <= R(0)


def _proven(A: Array, ridge: float, alpha: Array, on: npt.NDArray[np.bool_]) -> Machine | None:
    """θ* and R* from the active set, refined in double-double; None where a number is not finite."""
    weights, theta = _refined(A, ridge, alpha, on)
    if not all(np.all(np.isfinite(part)) for part in (*weights, *theta)):
        return None
    margins = dd.rows_times(A, theta)
    loss = dd.add(dd.pair(np.ones(len(A))), dd.negative(margins))
    between = _interval(A, ridge, weights, theta, loss)
    between = Between(max(between.low, Fraction(0)), max(min(between.high, Fraction(1)), Fraction(0)))
    rest = dd.add(dd.pair(np.ones(len(A))), dd.negative(weights))[0]
    if between.high - between.low > _WIDTH * between.high:
        return Machine(None, between, weights[0], rest, loss[0])
    radius = _strict(A, ridge, weights, theta, loss, on)
    count = f"{int(on.sum())} rows on the margin, {int((alpha == 1.0).sum())} within"
    if radius < math.inf:
        words = (
            f"the dual's active set, refined in doubled precision: {count}; |theta - theta*| <= {radius:.1e}; "
            "R* by the duality gap"
        )
        loss = np.where(on, 0.0, loss[0]), loss[1]
    else:
        radius = SAFE * math.sqrt(2.0 * float(between.high - between.low) / ridge)
        words = (
            f"the dual's active set, {count}, is not certain; strong convexity and the duality gap: "
            f"|theta - theta*| <= {radius:.1e}"
        )
    found = Certified(*theta, *between.ends(), radius, words)
    return Machine(found, between, np.clip(weights[0], 0.0, 1.0), np.clip(rest, 0.0, 1.0), loss[0])


def _strict(
    A: Array, ridge: float, weights: dd.Pair, theta: dd.Pair, loss: dd.Pair, on: npt.NDArray[np.bool_]
) -> float:
    """The radius of θ* around θ, if the optimality system holds strictly there; else infinity."""
    n, d = A.shape
    unit = 2.0**-102 * (2.0 * d + 2.0 * math.log2(n) + 50.0)
    blur = unit * (np.abs(A) @ np.abs(theta[0]) + 1.0)  # of margins
    sums = unit * float(np.linalg.norm(np.abs(A).T @ np.abs(weights[0]))) / (n * ridge)  # of θ(α)
    least = singular_range(A[on].T)[0] if on.any() else 1.0
    off = float(np.linalg.norm(np.abs(loss[0][on]) + blur[on]))
    radius = SAFE * (off / least + 2.0 * sums) if least > 0.0 else math.inf
    apart = SAFE * n * ridge * (radius + sums) / least if least > 0.0 and on.any() else 0.0  # of α on the margin
    reach = SAFE * (np.linalg.norm(A, axis=1) * radius + blur)
    inside = bool(np.all((weights[0][on] > apart) & (weights[0][on] < 1.0 - apart)))
    sides = np.where(weights[0] > 0.5, loss[0], -loss[0])[~on]
    return radius if inside and bool(np.all(sides > reach[~on])) else math.inf


def _rational(A: Array, ridge: float, alpha: list[Fraction], free: list[int]) -> Machine:
    """θ*, R* and the losses of an exact α: each rounded once, R* not at all."""
    n = len(A)
    whole, unit = rational(A)
    sums = (whole.T @ np.array(alpha, object)).tolist()
    theta = [Fraction(value) / (unit * n * Fraction(ridge)) for value in sums]
    margins = (whole @ np.array(theta, object)).tolist()
    losses = [1 - Fraction(value) / unit for value in margins]
    least = sum((max(loss, Fraction(0)) for loss in losses), Fraction(0)) / n
    least += Fraction(ridge) / 2 * sum((value * value for value in theta), Fraction(0))
    hi = np.array([float(value) for value in theta])
    lo = np.array([float(value - Fraction(head)) for value, head in zip(theta, hi.tolist(), strict=True)])
    radius = SAFE * (2.0**-104 * float(np.linalg.norm(hi)) + 2.0**-1000)
    between = Between(least, least)
    words = (
        f"the dual's optimality system in rational numbers, exact: {losses.count(Fraction(0))} rows on the margin; "
        f"|theta - theta*| <= {radius:.1e}"
    )
    numbers = (alpha, [1 - value for value in alpha], losses)
    return Machine(
        Certified(hi, lo, *between.ends(), radius, words),
        between,
        *(np.array([float(value) for value in each]) for each in numbers),
    )


def _interior_point(A: Array, ridge: float) -> Array:
    """α to some 8 digits by Mehrotra's predictor and corrector on min ½‖Bᵀα‖² − Σα, 0 <= α <= 1, B = A/√(n ridge)."""
    n = len(A)
    B = A / math.sqrt(n * ridge)
    alpha = np.full(n, 0.5)
    slope = B @ (B.T @ alpha) - 1.0
    z = np.maximum(slope, 0.0) + 1.0  # of α >= 0
    w = z - slope  # of α <= 1, so that the dual is feasible from the start
    for _ in range(100):
        s = 1.0 - alpha
        mu = float(alpha @ z + s @ w) / (2 * n)
        if mu < 1e-13:
            break
        diagonal = z / alpha + w / s
        infeasible = B @ (B.T @ alpha) - 1.0 - z + w

        def step(low: Array, up: Array, diagonal: Array = diagonal, infeasible: Array = infeasible) -> Array:
            return _solve(B, diagonal, -infeasible + low / alpha - up / s)  # noqa: B023 - used within this round

        low, up = -alpha * z, -s * w
        move = step(low, up)
        dz, dw = (low - z * move) / alpha, (up + w * move) / s
        length = _longest(alpha, s, z, w, move, dz, dw)
        after = float((alpha + length * move) @ (z + length * dz) + (s - length * move) @ (w + length * dw)) / (2 * n)
        centre = mu * (after / mu) ** 3
        low, up = centre - alpha * z - move * dz, centre - s * w + move * dw
        move = step(low, up)
        dz, dw = (low - z * move) / alpha, (up + w * move) / s
        length = 0.995 * _longest(alpha, s, z, w, move, dz, dw)
        if not (length > 1e-10 and np.all(np.isfinite(move))):
            break
        alpha, z, w = alpha + length * move, z + length * dz, w + length * dw
    near_zero, near_one = alpha < z, 1.0 - alpha < w
    return np.where(near_zero, 0.0, np.where(near_one, 1.0, alpha))


def _solve(B: Array, diagonal: Array, right: Array) -> Array:
    """(diag + BBᵀ)⁻¹ right, in the smaller of the two dimensions."""
    n, d = B.shape
    if n <= d:
        return np.asarray(np.linalg.solve(B @ B.T + np.diag(diagonal), right))
    scaled = B / diagonal[:, None]
    inner = np.linalg.solve(np.eye(d) + B.T @ scaled, scaled.T @ right)
    return np.asarray(right / diagonal - scaled @ inner)


def _longest(alpha: Array, s: Array, z: Array, w: Array, move: Array, dz: Array, dw: Array) -> float:
    """The longest step up to 1 that keeps all four positive."""
    shares = [1.0]
    for value, change in ((alpha, move), (s, -move), (z, dz), (w, dw)):
        falls = change < 0.0
        if falls.any():
            shares.append(float((-value[falls] / change[falls]).min()))
    return min(shares)


def _gram_solve(A: Array, right: Array) -> Array:
    """The shortest solution of A Aᵀα = right, by A w = right and Aᵀα = w with rows of length 1: the product A Aᵀ would
    have the square of their condition number."""
    lengths = np.linalg.norm(A, axis=1)
    scale = 1.0 / np.where(lengths > 0.0, lengths, 1.0)
    unit = A * scale[:, None]
    w = np.linalg.lstsq(unit, right * scale, rcond=None)[0]
    return np.asarray(scale * np.linalg.lstsq(unit.T, w, rcond=None)[0])


def _active_set(A: Array, ridge: float, alpha: Array) -> tuple[Array, npt.NDArray[np.bool_]]:
    """α solved on the margin and mended until no row is on the wrong side, to float64; which rows are on the margin."""
    n = len(A)
    on = (alpha > 0.0) & (alpha < 1.0)
    for _ in range(_ROUNDS):
        alpha = np.where(on, 0.0, np.where(alpha > 0.5, 1.0, 0.0))
        base = A.T @ alpha
        if on.any():
            alpha[on] = _gram_solve(A[on], n * ridge - A[on] @ base)
        beyond = on & ((alpha <= 0.0) | (alpha >= 1.0))
        margins = A @ (A.T @ alpha) / (n * ridge)
        noise = 1e-13 * (np.abs(A) @ np.abs(A.T @ alpha) / (n * ridge) + 1.0)
        wrong = ~on & (np.where(alpha > 0.5, margins - 1.0, 1.0 - margins) > noise)
        if not (beyond.any() or wrong.any()):
            break
        on = (on & ~beyond) | wrong
    return np.clip(alpha, 0.0, 1.0), on


def _refined(A: Array, ridge: float, alpha: Array, on: npt.NDArray[np.bool_]) -> tuple[dd.Pair, dd.Pair]:
    """α and θ(α) as pairs, with A_E θ = 1 to double-double."""
    n, d = A.shape
    scale = dd.multiply(dd.pair(np.full(d, ridge)), dd.pair(np.full(d, float(n))))
    weights, best, least = dd.pair(alpha), None, math.inf
    for _ in range(40):
        theta = dd.divide(dd.columns_times(A, weights), scale)
        if not on.any():
            return weights, theta
        off = dd.add(dd.rows_times(A[on], theta), dd.pair(-np.ones(int(on.sum()))))[0]
        size = float(np.linalg.norm(off))
        if best is not None and not size < 0.5 * least:
            break
        best, least = (weights, theta), size
        step = np.zeros(n)
        step[on] = _gram_solve(A[on], off) * (n * ridge)
        weights = dd.add(weights, dd.pair(-step))
    assert best is not None
    return best


def _interval(A: Array, ridge: float, weights: dd.Pair, theta: dd.Pair, loss: dd.Pair) -> Between:
    """[the dual at α, R(θ)] in double-double, moved apart by their rounding.

    α is cut to [0, 1] first, and its θ(α) computed anew.
    """
    n, d = A.shape
    low, high = weights[0] < 0.0, (weights[0] > 1.0) | ((weights[0] == 1.0) & (weights[1] > 0.0))
    inside = (
        np.where(low, 0.0, np.where(high, 1.0, weights[0])),
        np.where(low | high | (weights[0] == 0.0), 0.0, weights[1]),
    )
    scale = dd.multiply(dd.pair(np.full(d, ridge)), dd.pair(np.full(d, float(n))))
    own = dd.divide(dd.columns_times(A, inside), scale)
    half, rows = dd.pair(np.array(0.5 * ridge)), dd.pair(np.array(float(n)))
    dual = dd.divide(dd.total(inside), rows)
    dual = dd.add(dual, dd.negative(dd.multiply(half, dd.total(dd.multiply(own, own)))))
    positive = loss[0] > 0.0
    hinge = np.where(positive, loss[0], 0.0), np.where(positive, loss[1], 0.0)
    primal = dd.divide(dd.total(hinge), rows)
    primal = dd.add(primal, dd.multiply(half, dd.total(dd.multiply(theta, theta))))
    unit = 2.0**-100 * (2.0 * d + 2.0 * math.log2(n) + 50.0)
    blurred = float(np.abs(own[0]) @ (np.abs(A).T @ np.abs(inside[0]))) / n  # ridge·|θ|·Σ|α a|/(n ridge)
    margins = float(np.mean(np.abs(A) @ np.abs(theta[0]) + 1.0))
    error = SAFE * unit * (blurred + margins + float(primal[0]))
    return Between(doubled(dual, error).low, doubled(primal, error).high)


def radius_of(constraint: str | None, radius: float | None, ridge: float, size: float | None) -> float | None:
    """The radius of the ball, None without one; ConvlabError where it would leave θ* out, ‖θ*‖ = ``size`` if known."""
    if constraint is None:
        if radius is not None:
            raise ConvlabError(f"radius = {radius}; only constraint = 'ball' has one")
        return None
    if constraint != "ball":
        raise ConvlabError(f"constraint = '{constraint}'; allowed: ball")
    if radius is None:
        return (1.0 + 4 * U) / math.sqrt(ridge)
    if size is None:
        if not positive("radius", radius) >= (1.0 + 4 * U) / math.sqrt(ridge):
            raise ConvlabError(f"radius = {radius}; theta* is not certified: leave it out, or standardise the rows")
        return float(radius)
    if not positive("radius", radius) > size:
        raise ConvlabError(f"radius = {radius}; it must exceed ‖theta*‖ = {size:.6g}, so that the minimum stays R*")
    return float(radius)
