"""Taylor's remainder, computed without cancellation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from convlab.calculus.directional import directional_derivatives, highest_derivative


def taylor_remainder(f: Callable[[Any], jax.Array], x: Any, e: Any, nodes: int = 20, order: int = 1) -> jax.Array:
    """What the Taylor polynomial of degree k = ``order`` around x misses at x + e, in its integral form,

        f(x+e) − Σ_{j≤k} Dʲf(x)[e, …, e]/j!  =  ∫₀¹ (1−s)ᵏ/k! Dᵏ⁺¹f(x + s e)[e, …, e] ds,

    by Gauss–Legendre quadrature. For k = 1 it is f(x+e) − f(x) − ⟨∇f(x), e⟩ = ∫₀¹ (1−s) eᵀ∇²f(x+s e) e ds, which with x
    a minimiser is the gap f(x+e) − f(x).

    For k = 1 and convex f all terms are nonnegative, so tiny remainders keep their relative accuracy, where the plain
    difference loses all digits below u·|f(x)|. f must be k + 1 times continuously differentiable (analytic along the
    segment for full accuracy) and may return any array; x and e are pytrees of the same structure. Unchecked, for use
    inside programs: `taylor` checks what it is given.

    >>> from convlab import calculus
    >>> float(taylor_remainder(lambda x: 1.0 + x**2, jnp.array(0.0), jnp.array(1e-12)))
    1e-24
    """
    s, weights = np.polynomial.legendre.leggauss(nodes)
    s, weights = 0.5 * (s + 1.0), 0.5 * weights

    def term(s_k: jax.Array, weight: jax.Array) -> jax.Array:
        point = jax.tree.map(lambda a, b: a + s_k.astype(a.dtype) * b, x, e)
        derivative: jax.Array = highest_derivative(f, point, e, order + 1)
        scale: jax.Array = weight * (1.0 - s_k) ** order / float(math.factorial(order))
        return scale.astype(derivative.dtype) * derivative

    total: jax.Array = jnp.sum(jax.vmap(term)(jnp.asarray(s), jnp.asarray(weights)), axis=0)
    return total


def taylor_remainders(f: Callable[[Any], jax.Array], x: Any, e: Any, order: int, nodes: int = 20) -> list[jax.Array]:
    """The remainders of degree 0, 1, …, ``order``, as `taylor_remainder` gives each, from one pass.

    >>> [round(float(r), 6) for r in taylor_remainders(jnp.exp, jnp.array(0.0), jnp.array(1.0), 2)]
    [1.718282, 0.718282, 0.218282]
    """
    s, weights = np.polynomial.legendre.leggauss(nodes)
    s, weights = 0.5 * (s + 1.0), 0.5 * weights

    def at(s_k: jax.Array) -> list[jax.Array]:
        point = jax.tree.map(lambda a, b: a + s_k.astype(a.dtype) * b, x, e)
        return directional_derivatives(f, point, e, order + 1)[1:]

    found = jax.vmap(at)(jnp.asarray(s))
    factors = [weights * (1.0 - s) ** k / math.factorial(k) for k in range(order + 1)]
    return [
        jnp.tensordot(jnp.asarray(factor, values.dtype), values, 1)
        for factor, values in zip(factors, found, strict=True)
    ]
