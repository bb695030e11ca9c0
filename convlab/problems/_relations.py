"""Relations among the columns of a table that hold exactly: what proves that its rank is less than it could be."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import scipy.linalg

Array = npt.NDArray[np.float64]
_LARGEST = 10**6  # denominators that are tried
_MOST = 1 << 22  # numbers in a table that is checked in exact arithmetic


def relations(X: Array, count: int) -> bool:
    """Whether X z = 0 for ``count`` independent z, proven in exact arithmetic.

    Pivoted elimination leaves d − count columns that the others depend on; the coefficients of each, computed in
    float64, are rounded to fractions of small denominators, and X z = 0 is then checked with whole numbers. Each z is
    −1 in its own column alone, so that they are independent. Dependencies with other coefficients are not found.
    """
    d = X.shape[1]
    if not 0 < count < d or X.size > _MOST:
        return False
    _, order = scipy.linalg.qr(X, mode="r", pivoting=True)
    kept, others = order[: d - count], order[d - count :]
    coefficients = np.linalg.lstsq(X[:, kept], X[:, others], rcond=None)[0]
    if not np.all(np.isfinite(coefficients)):
        return False
    whole = _whole(X)
    return all(
        _vanishes(whole, [*kept, other], [*map(_simple, column), Fraction(-1)])
        for other, column in zip(others, coefficients.T, strict=True)
    )


def _simple(x: float) -> Fraction:
    return Fraction(float(x)).limit_denominator(_LARGEST)


def _whole(X: Array) -> npt.NDArray[np.object_]:
    """X times a power of two that makes all its numbers whole."""
    mantissas, exponents = np.frexp(X)
    digits = np.ldexp(mantissas, 53).astype(np.int64)
    least = int(exponents[X != 0.0].min()) if np.any(X) else 0
    powers = np.where(X != 0.0, exponents - least, 0)
    return np.array(
        [[int(m) << int(k) for m, k in zip(*row, strict=True)] for row in zip(digits, powers, strict=True)],
        dtype=object,
    )


def _vanishes(whole: npt.NDArray[np.object_], columns: list[int], weights: list[Fraction]) -> bool:
    shared = 1
    for weight in weights:
        shared = math.lcm(shared, weight.denominator)
    total: npt.NDArray[np.object_] = np.zeros(len(whole), dtype=object)
    for column, weight in zip(columns, weights, strict=True):
        if weight:
            total = total + whole[:, column] * int(weight * shared)
    return not np.any(total != 0)
