"""Numbers between two float64 that are proven to enclose them: exact rationals, rounded outwards once, at the end.

Closed forms are evaluated as fractions (+ − × ÷ without error, roots by integer square roots), in 60 decimal digits
where they need a logarithm or a real power, and sums over arrays in double-double with the bounds of `_double`.
"""

from __future__ import annotations

import decimal
import math
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from convlab.core.setting import Known
from convlab.problems import _double as dd

Array = npt.NDArray[np.float64]
Number = Fraction | Decimal | float | int
# `decimal` rounds +, −, ×, ÷ and ln correctly, and powers to a unit of the last digit
_CONTEXT = decimal.Context(prec=60, Emin=-999_999_999, Emax=999_999_999)
_DECIMAL = Fraction(1, 10**50)  # the relative error of 60 digits, after up to 10^9 roundings
_ROOT_BITS = 400
_FEW = 256  # numbers that are summed as fractions, without any error


class Between(NamedTuple):
    """low <= x <= high."""

    low: Fraction
    high: Fraction

    def plus(self, error: Number) -> Between:
        """The interval widened by ``error`` >= 0 on both sides."""
        return Between(self.low - Fraction(error), self.high + Fraction(error))

    def times(self, factor: Number) -> Between:
        """The interval times a factor >= 0."""
        return Between(self.low * Fraction(factor), self.high * Fraction(factor))

    def root(self) -> Between:
        """√x, from the integer part of the root of x·4^k, for x >= 0."""
        return Between(_root(max(self.low, Fraction(0)), 0), _root(self.high, 1))

    def ends(self) -> tuple[float, float]:
        """The nearest float64 below low and above high; they agree where low = high is a float64."""
        return down(self.low), up(self.high)

    def known(self) -> Known:
        """``exact`` where both ends are one float64; else ``computed``, whose value is the upper end."""
        low, high = self.ends()
        return Known(high, "exact") if low == high else Known(high, "computed", low)

    def above(self) -> Known:
        low, high = self.ends()
        return Known(high, "exact" if low == high else "upper bound")

    def below(self) -> Known:
        low, high = self.ends()
        return Known(low, "exact" if low == high else "lower bound")


def exactly(x: Number) -> Between:
    return Between(Fraction(x), Fraction(x))


def _decimal(x: Number) -> Decimal:
    fraction = Fraction(x)
    return _CONTEXT.divide(Decimal(fraction.numerator), Decimal(fraction.denominator))


def nearly(x: Decimal) -> Between:
    """A number that was computed in 60 decimal digits."""
    error = abs(Fraction(x)) * _DECIMAL
    return Between(Fraction(x) - error, Fraction(x) + error)


def ln(x: Number) -> Between:
    """ln x for x > 0: an x that errs by 10^-60 relative moves it by as much."""
    return nearly(_CONTEXT.ln(_decimal(x))).plus(_DECIMAL)


def power(x: Number, exponent: Number) -> Between:
    """x^exponent, x > 0: without error where the exponent is whole, else exp(exponent·ln x) in decimals."""
    if Fraction(exponent).denominator == 1:
        return exactly(Fraction(x) ** int(exponent))
    return nearly(_CONTEXT.power(_decimal(x), _decimal(exponent)))


def down(x: Fraction) -> float:
    """The largest float64 that does not exceed x."""
    near = float(x)
    return near if Fraction(near) <= x else math.nextafter(near, -math.inf)


def up(x: Fraction) -> float:
    """The least float64 that is not below x."""
    return -down(-x)


def doubled(x: dd.Pair, error: float) -> Between:
    """A double-double number that errs by at most ``error``."""
    return exactly(Fraction(float(x[0])) + Fraction(float(x[1]))).plus(error)


def weighted_squares(weights: Array | None, hi: Array, lo: Array) -> Between:
    """Σ w_i (hi_i + lo_i)², w >= 0 or all 1: as fractions where they are few, else in double-double.

    Two products of 7u² each and ⌈log2 n⌉ sums of 3u² err by less than (20 + 4 log2 n)u² relative; after scaling by
    powers of two what underflows is less than n·2^-1000.
    """
    if hi.size <= _FEW:
        rows = zip(np.ones(hi.size) if weights is None else weights.ravel(), hi.ravel(), lo.ravel(), strict=True)
        return exactly(
            sum((Fraction(float(w)) * (Fraction(float(a)) + Fraction(float(b))) ** 2 for w, a, b in rows), Fraction(0))
        )
    k = _exponent(hi)
    e = np.ldexp(hi.ravel(), -k), np.ldexp(lo.ravel(), -k)
    squares, scale = dd.multiply(e, e), 2 * k
    if weights is not None:
        j = _exponent(weights)
        squares, scale = dd.multiply(squares, dd.pair(np.ldexp(weights.ravel(), -j))), scale + j
    value = doubled(dd.total(squares), 0.0)
    n = hi.size
    error = value.high * (20 + 4 * math.ceil(math.log2(n))) / 2**106 + Fraction(n, 2**1000)
    return value.plus(error).times(Fraction(2) ** scale)


def norm(hi: Array, lo: Array | None = None, radius: Number = 0) -> Between:
    """‖hi + lo + δ‖ for every ‖δ‖ <= ``radius``."""
    length = weighted_squares(None, hi, np.zeros_like(hi) if lo is None else lo).root().plus(radius)
    return Between(max(length.low, Fraction(0)), length.high)


def moved(value: Between, curvature: Number, radius: Number) -> Between:
    """½ eᵀHe with H ⪯ ``curvature``, when e is moved by ``radius``: its root moves by at most √(curvature/2)·radius."""
    root, step = value.root(), exactly(Fraction(curvature) / 2).root().high * Fraction(radius)
    return Between(max(root.low - step, Fraction(0)) ** 2, (root.high + step) ** 2) if step else value


def fractions(values: Array) -> Iterator[Fraction]:
    return (Fraction(float(value)) for value in values.ravel())


def _exponent(values: Array) -> int:
    return int(math.frexp(float(np.abs(values).max()))[1])


def _root(x: Fraction, more: int) -> Fraction:
    """The root of x, or a rational below it (above it, with ``more`` = 1) by 2^-400 relative or less."""
    p, q = math.isqrt(x.numerator), math.isqrt(x.denominator)
    if p * p == x.numerator and q * q == x.denominator:
        return Fraction(p, q)
    k = _ROOT_BITS + max(0, (x.denominator.bit_length() - x.numerator.bit_length()) // 2)
    return Fraction(math.isqrt((x.numerator << 2 * k) // x.denominator) + more, 1 << k)
