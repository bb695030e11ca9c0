"""Taylor's remainder, computed without cancellation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def directional_hessian(f: Callable[[Any], jax.Array], x: Any, direction: Any) -> jax.Array:
    """eᵀ∇²f(x)e, by two nested forward derivatives along e: no Hessian is formed.

    >>> float(directional_hessian(lambda x: x[0] ** 2 * x[1], jnp.array([1.0, 3.0]), jnp.array([1.0, 0.0])))
    6.0
    """

    def slope(point: Any) -> jax.Array:
        rise: jax.Array = jax.jvp(f, (point,), (direction,))[1]
        return rise

    curvature: jax.Array = jax.jvp(slope, (x,), (direction,))[1]
    return curvature


def taylor_remainder(f: Callable[[Any], jax.Array], x: Any, e: Any, nodes: int = 20) -> jax.Array:
    """f(x+e) − f(x) − ⟨∇f(x), e⟩ = ∫₀¹ (1−s) eᵀ∇²f(x+s e) e ds, by Gauss–Legendre quadrature.

    For convex f all terms are nonnegative, so tiny remainders keep their relative accuracy, where the plain difference
    loses all digits below u·|f(x)|. f must be twice continuously differentiable (analytic along the segment for full
    accuracy); x and e are pytrees of the same structure. With x a minimiser the remainder is the gap f(x+e) − f(x).

    >>> from convlab import calculus
    >>> float(taylor_remainder(lambda x: 1.0 + x**2, jnp.array(0.0), jnp.array(1e-12)))
    1e-24
    """
    s, weights = np.polynomial.legendre.leggauss(nodes)
    s, weights = 0.5 * (s + 1.0), 0.5 * weights

    def term(s_k: jax.Array, weight: jax.Array) -> jax.Array:
        point = jax.tree.map(lambda a, b: a + s_k.astype(a.dtype) * b, x, e)
        curvature = directional_hessian(f, point, e)
        return (weight * (1.0 - s_k)).astype(curvature.dtype) * curvature

    return jnp.sum(jax.vmap(term)(jnp.asarray(s), jnp.asarray(weights)))
