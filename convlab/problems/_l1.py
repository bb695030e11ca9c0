"""The simple part h(θ) = λ‖θ‖₁ of a composite problem; λ = constants["l1"], traced. θ is any pytree of arrays."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from convlab.core.problem import Simple, Theta


def _value(theta: Theta, constants: Any) -> jax.Array:
    # |x| as x·sign(x): its derivative at 0 is 0, where that of jax's abs is one-sided
    sizes: list[jax.Array] = [jnp.sum(leaf * jnp.sign(leaf)) for leaf in jax.tree.leaves(theta)]
    total = sum(sizes[1:], start=sizes[0])
    return jnp.asarray(constants["l1"], total.dtype) * total


def _prox(theta: Theta, eta: Any, constants: Any) -> Theta:
    """Soft thresholding: every coordinate shrinks by ηλ, to exactly 0 if it is smaller."""

    def shrunk(x: jax.Array) -> jax.Array:
        threshold = jnp.asarray(eta, x.dtype) * jnp.asarray(constants["l1"], x.dtype)
        return jnp.sign(x) * jnp.maximum(jnp.abs(x) - threshold, jnp.zeros((), x.dtype))

    return jax.tree.map(shrunk, theta)


def _shortest(gradient: Theta, theta: Theta, constants: Any) -> Theta:
    """g_j + λ sign(θ_j) where θ_j ≠ 0; where θ_j = 0, the point of [g_j − λ, g_j + λ] that is nearest to 0."""

    def chosen(g: jax.Array, x: jax.Array) -> jax.Array:
        l1 = jnp.asarray(constants["l1"], g.dtype)
        return jnp.where(x == 0, jnp.sign(g) * jnp.maximum(jnp.abs(g) - l1, 0), g + l1 * jnp.sign(x))

    return jax.tree.map(chosen, gradient, theta)


L1 = Simple(_value, _prox, _shortest)
