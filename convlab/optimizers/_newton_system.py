"""The linear system of a Newton step, for parameters that are any pytree, and the ways to solve it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree

from convlab.calculus.derivatives import unchecked_hessian_products
from convlab.calculus.inputs import is_concrete
from convlab.calculus.linear_part import hessian_of_vector
from convlab.core.errors import ConvlabError
from convlab.optimizers._conjugate_gradients import conjugate_gradients

Solve = Callable[[Callable[[jax.Array], jax.Array], jax.Array, jax.Array, jax.Array], jax.Array]
_TOLERANCE = 1e-10


class NewtonSystem(NamedTuple):
    """f, θ, ∇f(θ) and p = (∇²f(θ) + λI)⁻¹∇f(θ) over flat vectors, and ``as_params``: such a vector as a pytree."""

    f: Callable[[jax.Array], jax.Array]
    point: jax.Array
    gradient: jax.Array
    direction: jax.Array
    as_params: Callable[[jax.Array], optax.Params]


def solve_directly(
    f: Callable[[jax.Array], jax.Array], point: jax.Array, ridge: jax.Array, gradient: jax.Array
) -> jax.Array:
    """p of (∇²f(θ) + λI) p = g by elimination; non-finite where the matrix is singular."""
    matrix = hessian_of_vector(f, point) + ridge * jnp.eye(point.size, dtype=point.dtype)
    direction: jax.Array = jnp.linalg.solve(matrix, gradient)
    return direction


def solver_of(
    name: str, solver: str, tolerance: float | jax.Array | None = None, iterations: int | None = None
) -> Solve:
    """The solver of an optimizer's options; ConvlabError in one line, which begins with its ``name``, if none fits."""
    if solver not in ("direct", "cg"):
        raise ConvlabError(f"{name}: solver = {solver!r}; allowed: 'direct', 'cg'")
    if solver == "direct":
        for option, value in {"tolerance": tolerance, "iterations": iterations}.items():
            if value is not None:
                raise ConvlabError(f"{name}: {option} is of solver = 'cg'; write solver = 'cg', or leave it out")
        return solve_directly
    if tolerance is not None and is_concrete(tolerance) and not 0 < tolerance < 1:
        raise ConvlabError(f"{name}: tolerance = {tolerance}; it is relative, between 0 and 1, as in 1e-10")
    if iterations is not None and (isinstance(iterations, bool) or not isinstance(iterations, int) or iterations < 1):
        raise ConvlabError(f"{name}: iterations = {iterations!r}; it should be a whole number from 1 on, or left out")
    relative = _TOLERANCE if tolerance is None else tolerance

    def by_products(
        f: Callable[[jax.Array], jax.Array], point: jax.Array, ridge: jax.Array, gradient: jax.Array
    ) -> jax.Array:
        product = unchecked_hessian_products(f, point)
        return conjugate_gradients(lambda v: product(v) + ridge * v, gradient, relative, iterations)

    return by_products


def newton_system(
    name: str,
    updates: optax.Updates,
    params: optax.Params | None,
    value_fn: Callable[[Any], jax.Array] | None,
    ridge: float | jax.Array = 0.0,
    solve: Solve = solve_directly,
) -> NewtonSystem:
    """The system (∇²f(θ) + λI) p = ∇f(θ), solved; ``updates`` is ∇f(θ), ``ridge`` is λ.

    ``name`` is the optimizer's, for the ValueError where ``params`` or ``value_fn`` is missing. Where the solver finds
    nothing the direction is not finite, except where the gradient is exactly 0: there is nowhere to go.
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
    solved = solve(f, point, jnp.asarray(ridge, work), gradient)
    direction = jnp.where(jnp.all(gradient == 0), 0.0, solved)
    return NewtonSystem(f, point, gradient, direction, as_params)
