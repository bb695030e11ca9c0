"""The minimiser of Nesterov's chain in double-double, from 60 decimal digits."""

from __future__ import annotations

import decimal
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from convlab.problems._enclosure import Between, exactly

Array = npt.NDArray[np.float64]


class Solved(NamedTuple):
    """x* = ``hi`` + ``lo`` (relative error below 2^-104), its norm, and ``first`` = x*_1, both between their ends."""

    hi: Array
    lo: Array
    norm: Between
    first: Between


def solve(dimension: int, weight: float, mu: float) -> Solved:
    """The solution of weight·(A x − e_1) + mu·x = 0, where A = tridiag(−1, 2, −1), for the very floats given.

    With r = mu/weight the characteristic roots are q and 1/q, q + 1/q = 2 + r, and x_0 = 1, x_{d+1} = 0 give
    x_i = (q^i − q^(2(d+1)−i))/(1 − q^(2(d+1))); at r = 0 the limit 1 − i/(d+1).
    """
    with decimal.localcontext() as context:
        context.prec = 60
        context.Emin = -999_999_999
        values = _line(dimension) if mu == 0.0 else _decay(dimension, Decimal(mu) / Decimal(weight))
        hi = [float(value) for value in values]
        lo = [float(value - Decimal(high)) for value, high in zip(values, hi, strict=True)]
        norm = sum((value * value for value in values), Decimal(0)).sqrt()
    assert norm.is_finite()
    return Solved(np.array(hi), np.array(lo), _about(norm), _about(values[0]))


def _about(x: Decimal) -> Between:
    """60 digits, of which the cancellation in 1 − q^(2(d+1)) and some 10^5 roundings leave more than 40."""
    return exactly(x).plus(Fraction(x) / 10**40)


def _line(d: int) -> list[Decimal]:
    return [Decimal(d + 1 - i) / (d + 1) for i in range(1, d + 1)]


def _decay(d: int, r: Decimal) -> list[Decimal]:
    # q = 2/(2 + r + √(r² + 4r)), the root below 1, without the cancellation of the other formula
    q = 2 / (2 + r + (r * r + 4 * r).sqrt())
    powers = [q]
    for _ in range(2 * d):
        powers.append(powers[-1] * q)
    # 1 − q^(2(d+1)) is at least about 2(d+1)√r: 60 digits leave more than 32 for every r a float64 can hold here
    scale = 1 - powers[-1] * q
    return [(powers[i - 1] - powers[2 * (d + 1) - i - 1]) / scale for i in range(1, d + 1)]
