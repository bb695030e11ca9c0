"""Conjugate gradients for a matrix that is known by its products, which notice where they must not be used."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

_PASSES = 10  # products allowed for each dimension, as in scipy; in real numbers one suffices


class _Search(NamedTuple):
    """The solution so far, its residual r = b − Ax, the next direction, ‖r‖², and whether A was positive so far."""

    x: jax.Array
    residual: jax.Array
    direction: jax.Array
    norm2: jax.Array
    positive: jax.Array
    products: jax.Array


def conjugate_gradients(
    product: Callable[[jax.Array], jax.Array], b: jax.Array, tolerance: float | jax.Array, most: int | None = None
) -> jax.Array:
    """x with ‖b − Ax‖ ≤ tolerance·‖b‖ for a symmetric A, given as v ↦ Av, from x = 0 (Hestenes and Stiefel 1952).

    NaN where a direction v with ⟨v, Av⟩ ≤ 0 turns up: A is not positive definite there. NaN also where 10 products for
    each dimension do not reach the tolerance; after ``most`` products, where that is given, the x of that moment.
    Memory is a few vectors. A tolerance below the unit of rounding is taken to be that unit.

    In real numbers no curvature is overlooked that matters: the ⟨v, Av⟩ are, up to positive factors, the pivots of A on
    the Krylov space of b, so that by Sylvester's law of inertia one of them is negative if A is indefinite there; where
    the tolerance was reached before, Ax = b to that tolerance, whatever A is. ``jax.scipy.sparse.linalg.cg`` is the
    same recursion without these checks: on an indefinite A, or after its last iteration, it returns what it has.
    """
    largest = jnp.max(jnp.abs(b), initial=0.0)
    scale = jnp.where(largest == 0, 1, largest)  # ‖b‖² of a small b would underflow
    residual = b / scale
    norm2 = jnp.vdot(residual, residual)
    relative = jnp.maximum(jnp.asarray(tolerance, b.dtype), float(np.finfo(b.dtype).eps))
    enough = jnp.square(relative) * norm2
    allowed = max(1, _PASSES * b.size) if most is None else most

    def goes_on(at: _Search) -> jax.Array:
        return at.positive & (at.norm2 > enough) & (at.products < allowed)

    def step(at: _Search) -> _Search:
        image = product(at.direction)
        curvature = jnp.vdot(at.direction, image)
        length = at.norm2 / curvature
        residual = at.residual - length * image
        norm2 = jnp.vdot(residual, residual)
        direction = residual + (norm2 / at.norm2) * at.direction
        return _Search(at.x + length * at.direction, residual, direction, norm2, curvature > 0, at.products + 1)

    true, none = jnp.ones((), jnp.bool_), jnp.zeros((), jnp.int32)
    found = jax.lax.while_loop(goes_on, step, _Search(jnp.zeros_like(b), residual, residual, norm2, true, none))
    good = found.positive & ((found.norm2 <= enough) if most is None else jnp.isfinite(found.norm2))
    return jnp.where(good, scale * found.x, jnp.nan)
