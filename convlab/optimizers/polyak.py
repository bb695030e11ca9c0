"""Polyak's step size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from convlab.core.setting import Hyper

EXAMPLE = {"risk_star": 0.0}
VARIANTS = ({"risk_star": -0.125, "scale": 0.5},)


def traits(hyper: Mapping[str, Hyper], options: Mapping[str, Any]) -> set[str]:
    """The step that theorems speak of is the one that is not scaled."""
    return {"Polyak step"} if "scale" not in hyper or hyper["scale"].value == 1.0 else set()


def polyak(risk_star: float, scale: float = 1.0) -> optax.GradientTransformationExtraArgs:
    """θ_{t+1} = θ_t − γ_t g_t, γ_t = c·(f_t(θ_t) − R*)/‖g_t‖², g_t = ∇f_t(θ_t): Polyak's step size (Polyak 1969).

    ``risk_star`` is R*, the minimum or a lower bound on it, which the lab hands over; ``scale`` is c. There is no move
    where g_t = 0 or f_t(θ_t) ≤ R*. With c = 1 a step on a convex f_t that is minimised where R is, at R*, comes closer
    to every minimiser; with c = 2 it still goes no farther away. Near the optimum f_t(θ_t) − R* cancels: a gap below
    about the rounding error of R* is noise, so that the run ends at a gap of that size and not at the floor of gradient
    descent. ``update`` needs the keyword ``value``, as optax's own line searches do; ValueError without it.

    >>> import jax, jax.numpy as jnp, optax
    >>> f, theta, optimizer = lambda x: jnp.abs(x) + 1, jnp.array(3.0), polyak(risk_star=1.0)
    >>> value, grad = jax.value_and_grad(f)(theta)
    >>> updates, _ = optimizer.update(grad, optimizer.init(theta), theta, value=value)
    >>> float(optax.apply_updates(theta, updates))
    0.0
    """

    def update(
        updates: optax.Updates,
        state: optax.OptState,
        params: optax.Params | None = None,
        *,
        value: jax.Array | float | None = None,
        **extra: Any,
    ) -> tuple[optax.Updates, optax.OptState]:
        if value is None:
            raise ValueError("polyak: update needs the value, as in update(grad, state, params, value=f(params))")
        leaves = jax.tree.leaves(updates)
        work = jnp.promote_types(jnp.result_type(*leaves), jnp.float32)
        norm2 = sum((jnp.sum(jnp.square(leaf.astype(work))) for leaf in leaves), jnp.zeros((), work))
        excess = jnp.asarray(value).astype(work) - jnp.asarray(risk_star, work)
        still = (norm2 == 0) | (excess <= 0)  # so that a NaN moves, and is seen
        gamma = jnp.where(still, 0, jnp.asarray(scale, work) * excess / jnp.where(still, 1, norm2))
        return jax.tree.map(lambda g: (-gamma * g.astype(work)).astype(g.dtype), updates), state

    return optax.GradientTransformationExtraArgs(lambda params: optax.EmptyState(), update)
