"""Double-double arithmetic on numpy arrays: a number is an unevaluated sum hi + lo of two float64, some 31 digits.

Error-free sums (Knuth) and products (Dekker, Veltkamp) need no fused multiply-add, so the bits are the same on every
machine. Relative errors: a few 2^-104 for + − × ÷, about 2^-98 for exp and the sigmoid; absolute ones for log1p.
Sources: T. J. Dekker, Numer. Math. 18 (1971); Hida, Li, Bailey, "Library for double-double arithmetic" (2008).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Pair = tuple[Array, Array]  # (hi, lo) with |lo| <= ulp(hi)/2

_SPLIT = 134217729.0  # 2^27 + 1
_LN2 = (0.6931471805599453, 2.3190468138462996e-17)
_HALVINGS = 9  # exp is evaluated at r/2^9, where ten terms of the series suffice


def pair(x: Array) -> Pair:
    """x as a double-double with lo = 0."""
    x = np.asarray(x, np.float64)
    return x, np.zeros_like(x)


def two_sum(a: Array, b: Array) -> Pair:
    """a + b exactly, as rounded sum and rounding error."""
    s = a + b
    c = s - a
    return s, (a - (s - c)) + (b - c)


def _ordered_sum(a: Array, b: Array) -> Pair:
    """As `two_sum`, for |a| >= |b| or a = 0."""
    s = a + b
    return s, b - (s - a)


def _split(a: Array) -> Pair:
    c = _SPLIT * a
    high = c - (c - a)
    return high, a - high


def two_product(a: Array, b: Array) -> Pair:
    """a·b exactly, as rounded product and rounding error; needs |a|, |b| < 1e300 and |a·b| > 1e-290 or = 0."""
    p = a * b
    (a1, a0), (b1, b0) = _split(a), _split(b)
    return p, ((a1 * b1 - p) + a1 * b0 + a0 * b1) + a0 * b0


def add(x: Pair, y: Pair) -> Pair:
    s, e = two_sum(x[0], y[0])
    t, f = two_sum(x[1], y[1])
    s, e = _ordered_sum(s, e + t)
    return _ordered_sum(s, e + f)


def negative(x: Pair) -> Pair:
    return -x[0], -x[1]


def multiply(x: Pair, y: Pair) -> Pair:
    p, e = two_product(x[0], y[0])
    return _ordered_sum(p, e + (x[0] * y[1] + x[1] * y[0]))


def divide(x: Pair, y: Pair) -> Pair:
    q = x[0] / y[0]
    r = add(x, negative(multiply(y, pair(q))))
    s = r[0] / y[0]
    r = add(r, negative(multiply(y, pair(s))))
    return add(_ordered_sum(q, s), pair(r[0] / y[0]))


def total(x: Pair) -> Pair:
    """The sum along the first axis, pairwise."""
    hi, lo = x
    while len(hi) > 1:
        half = len(hi) // 2
        rest = hi[2 * half :], lo[2 * half :]
        hi, lo = add((hi[:half], lo[:half]), (hi[half : 2 * half], lo[half : 2 * half]))
        if len(rest[0]):
            hi, lo = np.concatenate([hi, rest[0]]), np.concatenate([lo, rest[1]])
    return hi[0], lo[0]


def rows_times(X: Array, theta: Pair) -> Pair:
    """Xθ [n] for X [n, d] and θ [d]."""
    columns = np.ascontiguousarray(X.T)
    result = pair(np.zeros(X.shape[0]))
    for column, hi, lo in zip(columns, *theta, strict=True):
        p, e = two_product(column, hi)
        result = add(result, _ordered_sum(p, e + column * lo))
    return result


def columns_times(X: Array, weights: Pair) -> Pair:
    """Xᵀw [d] for X [n, d] and w [n]."""
    sums = [total(multiply(pair(column), weights)) for column in np.ascontiguousarray(X.T)]
    return np.array([s[0] for s in sums]), np.array([s[1] for s in sums])


def exp(x: Pair) -> Pair:
    """eˣ for x <= 700; below −740 it is 0."""
    hi = np.clip(x[0], -740.0, 700.0)
    lo = np.where(hi == x[0], x[1], 0.0)
    k = np.rint(hi / _LN2[0])
    ln2 = np.full_like(k, _LN2[0]), np.full_like(k, _LN2[1])
    r = add((hi, lo), negative(multiply(pair(k), ln2)))
    r = r[0] / 2.0**_HALVINGS, r[1] / 2.0**_HALVINGS
    s = pair(np.zeros_like(hi))  # Horner for (e^r − 1)/r
    for j in range(10, 0, -1):
        inverse = divide(pair(np.ones_like(hi)), pair(np.full_like(hi, float(math.factorial(j)))))
        s = add(multiply(s, r), inverse)
    s = multiply(s, r)
    for _ in range(_HALVINGS):  # (1 + s)² − 1
        s = add((2.0 * s[0], 2.0 * s[1]), multiply(s, s))
    s = add(pair(np.ones_like(hi)), s)
    scale = k.astype(np.int64)
    dead = x[0] < -740.0
    return np.where(dead, 0.0, np.ldexp(s[0], scale)), np.where(dead, 0.0, np.ldexp(s[1], scale))


def log1p(x: Pair) -> Pair:
    """log(1 + x) for 0 <= x <= 1: one Newton step on e^y = 1 + x, from float64. The error is absolute: 2^-98."""
    y = pair(np.log1p(x[0]))
    one = pair(np.ones_like(x[0]))
    return add(y, add(multiply(add(one, x), exp(negative(y))), negative(one)))


def sigmoid(x: Pair) -> Pair:
    """1/(1 + e^−x), from e^−|x| so that nothing overflows."""
    up = x[0] >= 0
    small = exp((np.where(up, -x[0], x[0]), np.where(up, -x[1], x[1])))
    one = pair(np.ones_like(x[0]))
    top = np.where(up, 1.0, small[0]), np.where(up, 0.0, small[1])
    return divide(top, add(one, small))


def softplus(x: Pair) -> Pair:
    """log(1 + eˣ) = max(x, 0) + log1p(e^−|x|)."""
    up = x[0] >= 0
    small = log1p(exp((np.where(up, -x[0], x[0]), np.where(up, -x[1], x[1]))))
    return add((np.where(up, x[0], 0.0), np.where(up, x[1], 0.0)), small)
