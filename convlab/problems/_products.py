"""x_i·(θ − θ*) in compensated arithmetic, for gaps with kinks at x_i·θ = x_i·θ*: each product is right by itself.

Where e = θ − θ* is nearly orthogonal to x_i, a plain product keeps no digit of x_i·e. Here e is a pair of float64
without error, factors are cut in halves of 26 and 27 bits, and the sum of the upper halves' products keeps its errors
(after Ogita, Rump and Oishi, SIAM J. Sci. Comput. 26 (2005)): what is lost is some 2^-79 of Σ_j|x_ij e_j|. The halves
are cut by their bits, and their product is exact, so that a compiler which fuses it with the addition changes nothing.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from convlab.core.problem import Optimum

_Two = tuple[jax.Array, jax.Array]
_LEADING = np.int64(-(1 << 27))  # sign, exponent, and 26 of the 53 bits


def _halves(a: jax.Array) -> _Two:
    bits = jax.lax.bitcast_convert_type(a, jnp.int64) & _LEADING
    high = jax.lax.bitcast_convert_type(bits, jnp.float64)
    return high, a - high


def _two_sum(a: jax.Array, b: jax.Array) -> _Two:
    s = a + b
    c = s - a
    return s, (a - (s - c)) + (b - c)


def away_from_minimiser(X: jax.Array, theta: jax.Array, optimum: Optimum) -> jax.Array:
    """x_i·(θ − θ*) [n] for X [n, d], θ [d]; 0 exactly only where θ = θ* to doubled precision."""
    e, rest = _two_sum(theta.astype(jnp.float64), -jnp.asarray(optimum.hi))
    e, more = _two_sum(e, -jnp.asarray(optimum.lo))
    rest = rest + more

    def column(carry: _Two, entry: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[_Two, None]:
        (total, error), (x, own, left) = carry, entry
        (x1, x0), (e1, e0) = _halves(x), _halves(own)
        total, slip = _two_sum(total, x1 * e1)
        return (total, error + (slip + ((x1 * e0 + x0 * e1) + (x0 * e0 + x * left)))), None

    zero = jnp.zeros(X.shape[0], jnp.float64)
    (total, error), _ = jax.lax.scan(column, (zero, zero), (jnp.asarray(X).T, e, rest))
    result: jax.Array = total + error
    return result
