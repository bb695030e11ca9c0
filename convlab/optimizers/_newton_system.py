"""The linear system of a Newton step, for parameters that are any pytree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree

from convlab.calculus.linear_part import hessian_of_vector


class NewtonSystem(NamedTuple):
    """f, θ, ∇f(θ) and p = (∇²f(θ) + λI)⁻¹∇f(θ) over flat vectors, and ``as_params``: such a vector as a pytree."""

    f: Callable[[jax.Array], jax.Array]
    point: jax.Array
    gradient: jax.Array
    direction: jax.Array
    as_params: Callable[[jax.Array], optax.Params]


def newton_system(
    name: str,
    updates: optax.Updates,
    params: optax.Params | None,
    value_fn: Callable[[Any], jax.Array] | None,
    ridge: float | jax.Array = 0.0,
) -> NewtonSystem:
    """The system (∇²f(θ) + λI) p = ∇f(θ), solved; ``updates`` is ∇f(θ), ``ridge`` is λ.

    ``name`` is the optimizer's, for the ValueError where ``params`` or ``value_fn`` is missing. A singular matrix gives
    a non-finite direction, except where the gradient is exactly 0: there is nowhere to go.
    """
    if params is None or value_fn is None:
        raise ValueError(f"{name}: update needs params and value_fn, as in update(grad, state, params, value_fn=f)")
    gradient, _ = ravel_pytree(updates)
    flat, unravel = ravel_pytree(params)
    work = jnp.promote_types(flat.dtype, jnp.float32)  # LAPACK has no half precision

    def f(point: jax.Array) -> jax.Array:
        return value_fn(unravel(point.astype(flat.dtype))).astype(work)

    def as_params(vector: jax.Array) -> optax.Params:
        return unravel(vector.astype(flat.dtype))

    gradient, point = gradient.astype(work), flat.astype(work)
    matrix = hessian_of_vector(f, point) + jnp.asarray(ridge, work) * jnp.eye(flat.size, dtype=work)
    direction = jnp.where(jnp.all(gradient == 0), 0.0, jnp.linalg.solve(matrix, gradient))
    return NewtonSystem(f, point, gradient, direction, as_params)
