"""The dual of a linear support vector machine in rational numbers, for small tables that rounding defeats.

min ½‖Aᵀα‖² − c Σα over 0 <= α_i <= 1, c = n ridge, by a primal active set method. The rows of the free set F are kept
linearly independent, so that A_F A_Fᵀ is positive definite. At the minimum over F a row with a slope of the wrong sign
enters; where it depends on those of F, the objective falls linearly along the null direction until a row reaches its
bound. Float64 numbers are rational, so slopes and signs are exact, whatever the scales or the rank of A.
Source: Nocedal and Wright, Numerical Optimization (2006), section 16.5; fraction-free elimination: Bareiss 1968.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Integers = npt.NDArray[Any]  # of Python's own, as long as they need to be
_WORK = 1_200_000  # rows² times columns times rank, some n rounds of n·d products: seconds at the most
_BITS = 256  # of an entry
_GRID = 1 << 80  # points that are only passed through are cut to it, else their digits double at every step


def rational(A: Array) -> tuple[Integers, int]:
    """A as whole numbers over one denominator, a power of two."""
    ratios = [[Fraction(value) for value in row] for row in A.tolist()]
    unit = max(value.denominator for row in ratios for value in row)
    whole = np.empty(A.shape, object)
    for i, row in enumerate(ratios):
        whole[i] = [value.numerator * (unit // value.denominator) for value in row]
    return whole, unit


def exact_dual(A: Array, ridge: float, start: Array) -> tuple[list[Fraction], list[int]] | None:
    """A minimiser α and its free rows, from the guess ``start``; None where the table is large or the rounds run out.

    Its θ(α) is θ* exactly: every slope is 0 on F, and has the sign of its bound elsewhere.
    """
    n, d = A.shape
    if n * n * d * min(n, d) > _WORK:
        return None
    whole, unit = rational(A)
    if max(abs(value).bit_length() for value in whole.ravel().tolist()) > _BITS:
        return None
    c = n * Fraction(ridge) * unit * unit
    alpha = [Fraction(int(value > 0.5)) for value in start.tolist()]
    free: list[int] = []
    for i in np.flatnonzero((start > 0.0) & (start < 1.0)).tolist():
        if _combination(whole, free, i) is None:
            free.append(i)
            alpha[i] = _cut(Fraction(start[i].item()))
    lengths = np.linalg.norm(A / max(float(np.abs(A).max()), 1e-300), axis=1)
    for count in range(20 * n + 100):
        target = _stationary(whole, c, alpha, free)
        ahead = [value - alpha[i] for i, value in zip(free, target, strict=True)]
        step, block = _first_bound([alpha[i] for i in free], ahead)
        if block is not None and step < 1:
            _move(alpha, free, ahead, step, block)
            continue
        for i, value in zip(free, target, strict=True):
            alpha[i] = value
        wrong = _wrong(whole, c, alpha, free)
        if not wrong:
            return alpha, free
        # the steepest at first, then the first of all, which cannot cycle (Bland's rule)
        enters = (
            max(wrong, key=lambda i: wrong[i] / lengths[i] if lengths[i] else np.inf) if count < 5 * n else min(wrong)
        )
        _enter(whole, alpha, free, enters)
    return None


def _enter(whole: Integers, alpha: list[Fraction], free: list[int], i: int) -> None:
    """Row i joins the free ones; where it depends on them, α goes along the null direction up to the first bound."""
    shares = _combination(whole, free, i)
    if shares is None:
        free.append(i)
        return
    sign = 1 if alpha[i] == 0 else -1
    rows = [*free, i]
    ahead = [*(-sign * share for share in shares), Fraction(sign)]
    step, block = _first_bound([alpha[j] for j in rows], ahead)
    assert block is not None  # row i itself is stopped at its other bound
    _move(alpha, rows, ahead, step, block)
    free[:] = rows


def _move(alpha: list[Fraction], rows: list[int], ahead: list[Fraction], step: Fraction, block: int) -> None:
    """α_rows += step·ahead, and the blocking row is left at its bound."""
    for j, change in zip(rows, ahead, strict=True):
        alpha[j] = _cut(alpha[j] + step * change)
    alpha[rows[block]] = Fraction(int(ahead[block] > 0))
    del rows[block]


def _cut(value: Fraction) -> Fraction:
    return min(max(Fraction(round(value * _GRID), _GRID), Fraction(0)), Fraction(1))


def _first_bound(values: list[Fraction], ahead: list[Fraction]) -> tuple[Fraction, int | None]:
    """The step at which the first of values + step·ahead reaches 0 or 1, and which does."""
    steps = [((1 if a > 0 else 0) - v) / a if a else None for v, a in zip(values, ahead, strict=True)]
    reached = [(step, k) for k, step in enumerate(steps) if step is not None]
    return min(reached) if reached else (Fraction(1), None)


def _wrong(whole: Integers, c: Fraction, alpha: list[Fraction], free: list[int]) -> dict[int, float]:
    """The rows at a bound whose slope A_i·Aᵀα − c points out of the other rows' way, with its size up to a factor."""
    unit = math.lcm(*(value.denominator for value in alpha))  # one for all: whole numbers need no common divisors
    scaled = np.array([value.numerator * (unit // value.denominator) for value in alpha], object)
    slopes = (c.denominator * (whole @ (whole.T @ scaled)) - c.numerator * unit).tolist()
    falls = {i: -slope if alpha[i] == 0 else slope for i, slope in enumerate(slopes) if i not in free}
    positive = {i: fall for i, fall in falls.items() if fall > 0}
    most = max(positive.values(), default=1)
    return {i: fall / most for i, fall in positive.items()}


def _stationary(whole: Integers, c: Fraction, alpha: list[Fraction], free: list[int]) -> list[Fraction]:
    """α_F with A_F Aᵀα = c, the other rows at their bounds."""
    held = [i for i, value in enumerate(alpha) if value == 1 and i not in free]
    A = whole[free]
    base = whole[held].sum(axis=0) if held else np.zeros(whole.shape[1], object)
    right = c.numerator - c.denominator * (A @ base)
    solution, determinant = _eliminated(A @ A.T, right)
    return [Fraction(value, determinant * c.denominator) for value in solution]


def _combination(whole: Integers, free: list[int], i: int) -> list[Fraction] | None:
    """The shares s with A_i = Σ_F s_j A_j; None where row i is independent of those of F."""
    A = whole[free]
    solution, determinant = _eliminated(A @ A.T, A @ whole[i])
    if (A.T @ np.array(solution, object) != determinant * whole[i]).any():
        return None
    return [Fraction(value, determinant) for value in solution]


def _eliminated(gram: Integers, right: Integers) -> tuple[list[int], int]:
    """Whole numbers s and det with gram·s = det·right, for a positive definite gram: no pivot is 0."""
    M = np.concatenate([gram, right[:, None]], axis=1)
    last = 1
    for k in range(len(M)):
        pivot = M[k, k]
        others = np.arange(len(M)) != k
        M[others] = (pivot * M[others] - M[others, k][:, None] * M[k]) // last
        last = pivot
    return M[:, -1].tolist(), int(last)
