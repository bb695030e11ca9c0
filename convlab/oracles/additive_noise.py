"""Additive noise: the exact risk plus a random tilt, the textbook's stochastic gradient oracle."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from convlab.core.errors import ConvlabError
from convlab.core.oracle import Oracle
from convlab.core.problem import Problem, Theta, risk_of
from convlab.core.setting import Known

EXAMPLE = {"sigma": 0.5}
_BLOCK = 128


def additive_noise(sigma: float) -> Oracle:
    """f_t = R + ⟨ξ_t, · − θ_t⟩ with independent Gaussian ξ_t, E ξ_t = 0 and E‖ξ_t‖² = σ² for the whole vector.

    The variance is the same at every θ (Model B of the theory; also Model C with sigma_star = σ, since f_t is as smooth
    as R). σ is in the units of the gradient.
    """
    if not (math.isfinite(sigma) and sigma >= 0):
        raise ConvlabError(f"additive_noise: sigma = {sigma}; it must be a finite number ≥ 0")
    return Oracle(
        name="additive_noise",
        block=_BLOCK,
        draw=_draw,
        show=_show,
        constants=np.float64(sigma),
        facts=lambda problem: _facts(problem, sigma),
        traits=_traits,
    )


def _draw(problem: Problem, sigma: jax.Array, key: jax.Array, block_number: jax.Array) -> Theta:
    leaves, structure = jax.tree.flatten(problem.theta0)
    dimension = sum(leaf.size for leaf in leaves)
    flat = jax.random.normal(jax.random.fold_in(key, block_number), (_BLOCK, dimension), jnp.float64)
    flat = flat * (sigma.astype(jnp.float64) / math.sqrt(max(dimension, 1)))
    ends = np.cumsum([leaf.size for leaf in leaves])[:-1]
    parts = jnp.split(flat, ends, axis=1)
    tilts = [part.reshape(_BLOCK, *leaf.shape).astype(leaf.dtype) for part, leaf in zip(parts, leaves, strict=True)]
    return jax.tree.unflatten(structure, tilts)


def _show(
    problem: Problem, sigma: jax.Array, theta: Theta, state: Any, sample: Theta, t: jax.Array
) -> tuple[Callable[[Theta], jax.Array], Any]:
    def tilted(point: Theta) -> jax.Array:
        tilt = jax.tree.map(lambda xi, x, x_t: jnp.sum(xi * (x - x_t)), sample, point, theta)
        return risk_of(problem, point) + sum(jax.tree.leaves(tilt))

    return tilted, state


def _facts(problem: Problem, sigma: float) -> dict[str, Known]:
    facts = {"sigma_star": Known(float(sigma), "exact"), "sigma": Known(float(sigma), "exact")}
    if "L" in problem.known:
        facts["L_expected"] = problem.known["L"]
    return facts


def _traits(problem: Problem) -> frozenset[str]:
    traits = {"unbiased", "uniform variance"}
    if {"convex", "smooth"} <= problem.traits:
        traits.add("convex smooth samples")
    return frozenset(traits)
