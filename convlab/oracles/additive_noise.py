"""Additive noise: the exact risk plus a random tilt, the textbook's stochastic gradient oracle."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from convlab.calculus.derivatives import value_and_gradient
from convlab.core.errors import ConvlabError
from convlab.core.oracle import Oracle
from convlab.core.problem import Problem, Theta, full_risk, shown_risk, squared_norm
from convlab.core.setting import Known

EXAMPLE = {"sigma": 0.5}
_BLOCK = 128


def additive_noise(sigma: float, law: Literal["gaussian", "signs"] = "gaussian") -> Oracle:
    """f_t = R + ⟨ξ_t, · − θ_t⟩ with independent ξ_t, E ξ_t = 0 and E‖ξ_t‖² = σ² for the whole vector.

    ``law``: Gaussian, or random "signs" ±σ/√d of every coordinate (Rademacher), which are bounded. The variance is the
    same at every θ, and so is the noise at θ*, since f_t is as smooth as R. σ is in the units of the gradient. Where R
    is G-Lipschitz, E‖∇f_t‖² ≤ G² + σ² (G_expected²), and with signs ‖∇f_t‖ ≤ G + σ (G_sure).
    """
    if law not in _DRAWS:
        raise ConvlabError(f"additive_noise: law = '{law}'; allowed: {', '.join(_DRAWS)}")
    if not (math.isfinite(sigma) and sigma >= 0):
        raise ConvlabError(f"additive_noise: sigma = {sigma}; it must be a finite number ≥ 0")
    return Oracle(
        name="additive_noise",
        block=_BLOCK,
        draw=_DRAWS[law],
        show=_show,
        constants=np.float64(sigma),
        facts=lambda problem: _facts(law, problem, sigma),
        noise=_NOISE[law],
        traits=functools.partial(_traits, law),
    )


def _gaussian(problem: Problem, sigma: jax.Array, key: jax.Array, block_number: jax.Array) -> Theta:
    shape = (_BLOCK, _dimension(problem))
    return _tilts(problem, sigma, jax.random.normal(jax.random.fold_in(key, block_number), shape, jnp.float64))


def _signs(problem: Problem, sigma: jax.Array, key: jax.Array, block_number: jax.Array) -> Theta:
    shape = (_BLOCK, _dimension(problem))
    return _tilts(problem, sigma, jax.random.rademacher(jax.random.fold_in(key, block_number), shape, jnp.float64))


_DRAWS = {"gaussian": _gaussian, "signs": _signs}


def _dimension(problem: Problem) -> int:
    return sum(int(leaf.size) for leaf in jax.tree.leaves(problem.theta0))


def _tilts(problem: Problem, sigma: jax.Array, flat: jax.Array) -> Theta:
    """Unit noise [block, d] scaled to E‖ξ‖² = σ² and cut into the leaves of θ."""
    leaves, structure = jax.tree.flatten(problem.theta0)
    dimension = _dimension(problem)
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
        return full_risk(problem, point) + sum(jax.tree.leaves(tilt))

    return tilted, state


def _gaussian_noise(problem: Problem, sigma: jax.Array, theta: Theta) -> tuple[jax.Array, jax.Array]:
    return jnp.square(jnp.asarray(sigma, jnp.float64)), jnp.array(jnp.nan)


def _signs_noise(problem: Problem, sigma: jax.Array, theta: Theta) -> tuple[jax.Array, jax.Array]:
    """The longest gradient is the one whose signs are those of ∇R: ‖ |∇R| + σ/√d ‖."""
    _, slope = value_and_gradient(functools.partial(shown_risk, problem), theta, "additive_noise")
    each = jnp.asarray(sigma, jnp.float64) / math.sqrt(max(_dimension(problem), 1))
    longest = jax.tree.map(lambda leaf: jnp.abs(leaf) + each, slope)
    return jnp.square(jnp.asarray(sigma, jnp.float64)), squared_norm(longest)


_NOISE = {"gaussian": _gaussian_noise, "signs": _signs_noise}


def _facts(law: str, problem: Problem, sigma: float) -> dict[str, Known]:
    facts = {"sigma_star": Known(float(sigma), "exact"), "sigma": Known(float(sigma), "exact")}
    if "L" in problem.known:
        facts["L_expected"] = problem.known["L"]
    if "Lipschitz" in problem.traits and "G" in problem.known:
        found = problem.known["G"]
        facts["G_expected"] = Known(math.hypot(found.value, float(sigma)), found.how)
        if law == "signs":
            facts["G_sure"] = Known(found.value + float(sigma), found.how)
    return facts


def _traits(law: str, problem: Problem) -> frozenset[str]:
    traits = {"unbiased", "uniform variance", "bounded noise" if law == "signs" else "Gaussian noise"}
    if law == "signs" and "Lipschitz" in problem.traits:
        traits.add("bounded gradients")
    if {"convex", "smooth"} <= problem.traits:
        traits.add("convex smooth samples")
    return frozenset(traits)
