"""Aᵀ diag(w) A of a tall matrix, by blocks of rows that stay in the processor's cache."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp

_ROWS = 256  # of a block: scaled and transposed it is read from the second cache, not from memory
_WIDTH, _STRIPS = 48, 8  # columns of a strip, a multiple of what kernels take at once; and at most so many strips


def weighted_gram(A: jax.Array, w: jax.Array) -> jax.Array:
    """Aᵀ diag(w) A [d, d] of A [n, d] and weights w [n] of any sign.

    On a CPU the rows go by blocks: scaled and transposed into rows of Aᵀ, which is the operand that matrix products
    read fastest, and nothing as large as A is written. Of a wide result the lower triangle is copied from the upper.
    Blocks are added one after the other: an error of up to n/256 units of rounding, which float32 may notice.
    """
    found: jax.Array = jax.lax.platform_dependent(A, w, cpu=_by_blocks, default=lambda A, w: A.T @ (w[:, None] * A))
    return found


def _by_blocks(A: jax.Array, w: jax.Array) -> jax.Array:
    n, d = A.shape
    strips = _strips(d)

    def add(found: list[jax.Array], rows: jax.Array, weights: jax.Array) -> list[jax.Array]:
        scaled = (rows * weights[:, None]).T
        scaled = jax.lax.optimization_barrier(scaled)  # type: ignore[no-untyped-call]  # else it is read across
        return [each + scaled[a:b] @ rows[:, a:] for each, (a, b) in zip(found, strips, strict=True)]

    def block(i: jax.Array, found: list[jax.Array]) -> list[jax.Array]:
        rows, weights = (jax.lax.dynamic_slice_in_dim(each, i * _ROWS, _ROWS) for each in (A, w))
        return add(found, rows, weights)

    found = [jnp.zeros((b - a, d - a), jnp.result_type(A, w)) for a, b in strips]
    whole = n // _ROWS
    if whole:
        found = jax.lax.fori_loop(0, whole, block, found)
    if n > whole * _ROWS:
        found = add(found, A[whole * _ROWS :], w[whole * _ROWS :])
    if len(strips) == 1:
        return found[0]
    upper = jnp.concatenate([jnp.pad(each, ((0, 0), (a, 0))) for each, (a, _) in zip(found, strips, strict=True)])
    return jnp.triu(upper) + jnp.triu(upper, 1).T


def _strips(d: int) -> list[tuple[int, int]]:
    """Rows [a, b) of the result, of which the columns from a on are computed; only the first may be narrower."""
    width = max(_WIDTH, -(-d // (_STRIPS * _WIDTH)) * _WIDTH)
    ends = [0, *range(d % width or width, d + 1, width)]
    return list(itertools.pairwise(ends)) if d >= 2 * width else [(0, d)]
