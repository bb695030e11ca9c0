"""The noise of batches of rows: of all rows at once, and what is left of it in the mean over a batch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from convlab.calculus.derivatives import value_and_gradient
from convlab.core.problem import Batch, Problem, Theta, squared_norm


def left(size: int, replacement: bool, n: int) -> float:
    """The variance of the mean over b of n rows, over that of one row: 1/b, times (n − b)/(n − 1) without replacement.

    >>> left(4, True, 10), left(10, False, 10)
    (0.25, 0.0)
    """
    return 1.0 / size if replacement or n == 1 else (n - size) / (size * (n - 1))


@functools.cache
def noise(size: int, replacement: bool) -> Callable[[Problem, Any, Theta], tuple[jax.Array, jax.Array]]:
    """`Oracle.noise` of such batches as a function of (problem, constants, θ); cached, so that it compiles once."""

    def of_batches(problem: Problem, constants: Any, theta: Theta) -> tuple[jax.Array, jax.Array]:
        """The mean of ‖∇f_i − mean_j ∇f_j‖² over all rows i, times what is left of it in a batch, and max ‖∇f_i‖²: a
        batch may be one row over and over, where it is drawn with replacement."""

        def gradient(row: Batch) -> Theta:
            alone = jax.tree.map(lambda leaf: leaf[None], row)
            return value_and_gradient(lambda point: problem.risk(point, alone, problem.constants), theta, "noise")[1]

        rows = jax.vmap(gradient)(problem.data)
        centred = jax.tree.map(lambda leaf: leaf - leaf.mean(axis=0), rows)
        longest = jnp.max(jax.vmap(squared_norm)(rows)) if replacement or size == 1 else jnp.array(jnp.nan)
        return squared_norm(centred) / problem.rows * left(size, replacement, problem.rows), longest

    return of_batches
