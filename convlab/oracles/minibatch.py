"""Minibatch: the mean over a few random rows, drawn afresh at every step."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from convlab.core.errors import ConvlabError
from convlab.core.oracle import Oracle
from convlab.core.problem import Problem, Theta
from convlab.core.setting import Known
from convlab.oracles import _rows

EXAMPLE = {"size": 2}
_BLOCK = 128  # steps drawn at once; part of what a seed means, so never changed for speed alone
_SAMPLE_BYTES = 1 << 20  # at most 1 MiB of indices per seed and block


def minibatch(size: int = 1, replacement: bool = True) -> Oracle:
    """f_t = mean of the losses of b rows, uniform and independent from step to step.

    With replacement rows may repeat within a batch; without, a batch is a uniform set of b different rows. Either way
    E f_t = R. Variance at the minimiser: σ*²/b, times (n − b)/(n − 1) without replacement. Expected smoothness
    ((b−1)L + L_max)/b, and (n(b−1)L + (n−b)L_max)/(b(n−1)) (Gower et al. 2019).
    """
    if size < 1:
        raise ConvlabError(f"minibatch: size = {size}; a batch has at least 1 row")
    block = max(1, min(_BLOCK, _SAMPLE_BYTES // (4 * size)))
    return Oracle(
        name="minibatch",
        block=block,
        draw=_drawing(size, replacement, block),
        show=_show,
        facts=functools.partial(_facts, size, replacement),
        traits=_traits,
        rows_per_step=lambda problem: float(size),
        problem_fault=functools.partial(_fault, size),
        noise=_rows.noise(size, replacement),
    )


@functools.cache
def _drawing(size: int, replacement: bool, block: int) -> Callable[..., jax.Array]:
    """The draw function of these options: cached, so that two constructions are one function and compile once."""

    def draw(problem: Problem, constants: Any, key: jax.Array, block_number: jax.Array) -> jax.Array:
        key = jax.random.fold_in(key, block_number)
        bits = jax.random.bits(key, (block, size), jnp.uint32).astype(jnp.uint64)
        if replacement:
            # bits·n / 2³² needs 64 bits: without x64 this product would silently be 0.
            index: jax.Array = ((bits * jnp.uint64(problem.rows)) >> 32).astype(jnp.int32)
            return index
        return _distinct(bits, problem.rows)

    return draw


def _distinct(bits: jax.Array, n: int) -> jax.Array:
    """Floyd's algorithm (Bentley and Floyd 1987): b uniform different indices below n from b random words, O(b²)."""
    block, size = bits.shape

    def pick(j: jax.Array, chosen: jax.Array) -> jax.Array:
        top = (n - size + j).astype(jnp.int32)
        index = ((bits[:, j] * (top + 1).astype(jnp.uint64)) >> 32).astype(jnp.int32)
        taken = jnp.any(chosen == index[:, None], axis=1)
        return chosen.at[:, j].set(jnp.where(taken, top, index))

    chosen: jax.Array = jax.lax.fori_loop(0, size, pick, jnp.full((block, size), -1, jnp.int32))
    return chosen


def _show(
    problem: Problem, constants: Any, theta: Theta, state: Any, sample: jax.Array, t: jax.Array
) -> tuple[Callable[[Theta], jax.Array], Any]:
    batch = jax.tree.map(lambda leaf: jnp.asarray(leaf)[sample], problem.data)
    return lambda point: problem.risk(point, batch, problem.constants), state


def _facts(size: int, replacement: bool, problem: Problem) -> dict[str, Known]:
    n, known, facts = problem.rows, problem.known, {"batch_size": Known(float(size), "exact")}
    if "sigma_star" in known:
        found, left = known["sigma_star"], math.sqrt(_rows.left(size, replacement, n))
        facts["sigma_star"] = Known(found.value * left, found.how)
        if "one Hessian for all rows" in problem.traits:  # rows differ by a constant gradient: it is the same at all θ
            facts["sigma"] = facts["sigma_star"]
    if "G_max" in known:  # no row's gradient is longer
        facts["G_expected"] = facts["G_sure"] = known["G_max"]
    if "L" in known and "L_max" in known:
        smooth, worst = known["L"].value, known["L_max"].value
        if replacement or n == 1:
            expected = ((size - 1) * smooth + worst) / size
        else:
            expected = (n * (size - 1) * smooth + (n - size) * worst) / (size * (n - 1))
        guessed = "estimated" in (known["L"].how, known["L_max"].how)
        facts["L_expected"] = Known(expected, "estimated" if guessed else "upper bound")
    return facts


def _traits(problem: Problem) -> frozenset[str]:
    traits = {"unbiased"}
    if "convex smooth rows" in problem.traits:
        traits.add("convex smooth samples")
    if "one Hessian for all rows" in problem.traits:
        traits.add("uniform variance")
    if "G_max" in problem.known:
        traits.add("bounded gradients")
    return frozenset(traits)


def _fault(size: int, problem: Problem) -> str | None:
    if not problem.rows:
        return f"minibatch draws rows, and problem '{problem.name}' has none; use exact or additive_noise"
    if size > problem.rows:
        return f"minibatch: size = {size}, but problem '{problem.name}' has {problem.rows} rows; use at most that many"
    return None
