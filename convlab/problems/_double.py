"""Double-double arithmetic on numpy arrays: a number is an unevaluated sum hi + lo of two float64, some 31 digits.

Error-free sums (Knuth) and products (Dekker, Veltkamp) need no fused multiply-add, so the bits are the same on every
machine. Proven bounds on the errors, u = 2^-53, for results above 2^-900 in size (below, 2^-1060 absolute):

    add        3u² relative to the sum      (Joldes, Muller and Popescu, ACM TOMS 44 (2017), Theorem 3.1: 3u² + 13u³)
    multiply   8u² relative                 (there Theorem 5.1: 7u²)
    divide     12u² relative: the remainder x − yq errs by 8u²|x|, the last sum by 3u², all else by O(u³)
    exp        (30 + 8.3|x|)u² relative     see `exp`
    log1p      56u² absolute                see `log1p`
    sigmoid    (84 + 9|x|)u² relative       of e^−|x| as above, absolute 34u² in 1 + e^−|x|, and the quotient
    softplus   (96 + 3|x|)u² absolute       34u² from e^−|x|, 56u² from log1p, 3u²(|x| + 1) from the sum
    total      3u²⌈log2 n⌉ Σ|terms|         pairwise
    rows_times (4d + 10)u² Σ_j|x_j θ_j|     a product errs by 4u², and d sums by 3u² of their partial sums

Sources: T. J. Dekker, Numer. Math. 18 (1971); Hida, Li, Bailey, "Library for double-double arithmetic" (2008).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Pair = tuple[Array, Array]  # (hi, lo) with |lo| <= ulp(hi)/2

_SPLIT = 134217729.0  # 2^27 + 1
_LN2 = (0.6931471805599453, 2.3190468138462996e-17)
_BLOCK = 1 << 13  # entries of a vector that a pass goes over at once, so that they stay in the processor's cache
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
    hi, lo = np.empty(len(X)), np.empty(len(X))
    for low in range(0, len(X), _BLOCK):
        rows = slice(low, low + _BLOCK)
        result = pair(np.zeros(len(X[rows])))
        for column, *entry in zip(np.ascontiguousarray(X[rows].T), *theta, strict=True):
            p, e = two_product(column, entry[0])
            result = add(result, _ordered_sum(p, e + column * entry[1]))
        hi[rows], lo[rows] = result
    return hi, lo


def columns_times(X: Array, weights: Pair) -> Pair:
    """Xᵀw [d] for X [n, d] and w [n]: pairwise in blocks of 2^k rows, then pairwise over the blocks, so that the sums
    are ⌈log2 n⌉ deep as those of `total` are."""
    size = 1 << max(6, (4 * _BLOCK // max(1, X.shape[1])).bit_length() - 1)
    parts = []
    for low in range(0, len(X), size):
        block, (hi, lo) = X[low : low + size], (part[low : low + size, None] for part in weights)
        p, e = two_product(block, hi)
        parts.append(total(_ordered_sum(p, e + block * lo)))
    return total((np.array([hi for hi, _ in parts]), np.array([lo for _, lo in parts])))


def _in_blocks(function: Callable[[Pair], Pair]) -> Callable[[Pair], Pair]:
    """The function of long vectors block by block, in the processor's cache: three times as fast for 10⁶ entries."""

    @functools.wraps(function)
    def of_blocks(x: Pair) -> Pair:
        if x[0].ndim != 1 or x[0].size <= _BLOCK:
            return function(x)
        parts = [function((x[0][low : low + _BLOCK], x[1][low : low + _BLOCK])) for low in range(0, x[0].size, _BLOCK)]
        return np.concatenate([hi for hi, _ in parts]), np.concatenate([lo for _, lo in parts])

    return of_blocks


def exp(x: Pair) -> Pair:
    """eˣ for x <= 700; below −740 it is 0.

    r = x − k ln 2 errs by k·2^-109 (of ln 2) and 8u²|k ln 2| (of the product), less than 8.3u²|x| + 5u². At ρ = r/512,
    |ρ| < 7e-4, ten terms leave out 1e-39 of e^ρ − 1, and Horner's scheme and the last product err by 12u² relative.
    Squaring nine times multiplies that by r eʳ/(eʳ − 1) <= 1.2 and adds 3u² + 8u²|s| each, 41u² in all: 55u² of
    eʳ − 1, which is 23u² of eʳ, and 3u² for the last sum.
    """
    hi = np.clip(x[0], -740.0, 700.0)
    lo = np.where(hi == x[0], x[1], 0.0)
    k = np.rint(hi / _LN2[0])
    ln2 = np.full_like(k, _LN2[0]), np.full_like(k, _LN2[1])
    r = add((hi, lo), negative(multiply(pair(k), ln2)))
    r = r[0] / 2.0**_HALVINGS, r[1] / 2.0**_HALVINGS
    s = pair(np.zeros_like(hi))  # Horner for (e^r − 1)/r
    for j in range(10, 0, -1):
        inverse = divide(pair(np.array(1.0)), pair(np.array(float(math.factorial(j)))))
        s = add(multiply(s, r), inverse)
    s = multiply(s, r)
    for _ in range(_HALVINGS):  # (1 + s)² − 1
        s = add((2.0 * s[0], 2.0 * s[1]), multiply(s, s))
    s = add(pair(np.ones_like(hi)), s)
    scale = k.astype(np.int64)
    dead = x[0] < -740.0
    return np.where(dead, 0.0, np.ldexp(s[0], scale)), np.where(dead, 0.0, np.ldexp(s[1], scale))


def log1p(x: Pair) -> Pair:
    """log(1 + x) for 0 <= x <= 1, with an absolute error: y + log t, t = (1 + x)e^−y, from any y that is near.

    t is 1 + c with |c| of some u, and errs by 3u² + 36u² + 8u²; log t = c − c²/2 up to c³/3.
    """
    y = pair(np.log1p(x[0]))
    one = pair(np.ones_like(x[0]))
    c = add(multiply(add(one, x), exp(negative(y))), negative(one))
    square = multiply(c, c)
    return add(y, add(c, (-0.5 * square[0], -0.5 * square[1])))


@_in_blocks
def sigmoid(x: Pair) -> Pair:
    """1/(1 + e^−x), from e^−|x| so that nothing overflows."""
    up = x[0] >= 0
    small = exp((np.where(up, -x[0], x[0]), np.where(up, -x[1], x[1])))
    one = pair(np.ones_like(x[0]))
    top = np.where(up, 1.0, small[0]), np.where(up, 0.0, small[1])
    return divide(top, add(one, small))


@_in_blocks
def softplus(x: Pair) -> Pair:
    """log(1 + eˣ) = max(x, 0) + log1p(e^−|x|)."""
    up = x[0] >= 0
    small = log1p(exp((np.where(up, -x[0], x[0]), np.where(up, -x[1], x[1]))))
    return add((np.where(up, x[0], 0.0), np.where(up, x[1], 0.0)), small)
