"""The projected subgradient method."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import optax

from convlab.core.optimizer import ScalarOrSchedule, descent
from convlab.core.setting import Hyper

EXAMPLE = {"step_size": 0.1}
TRAITS = {"subgradient step"}


def traits(hyper: Mapping[str, Hyper], options: Mapping[str, Any]) -> set[str]:
    """Without a projection it is gradient descent."""
    return {"gradient step"} if options.get("project") is None else set()


def subgradient(
    step_size: ScalarOrSchedule, project: Callable[[Any], Any] | None = None
) -> optax.GradientTransformationExtraArgs:
    """θ_{t+1} = P(θ_t − η_t g_t), g_t a subgradient of f_t at θ_t: the projected subgradient method (Shor, Polyak).

    ``step_size`` is η, or a schedule t ↦ η_t. ``project`` is P, θ ↦ the nearest point of the set that R is minimised
    over; None where that is all of space. The lab hands the problem's own projection over. The subgradient is the one
    that is handed in: at a kink JAX's choice, the mean of both sides for ``abs`` and ``maximum``. ``update`` needs
    ``params`` where there is a projection; ValueError without them.

    Source: Shor 1962, 1985; Polyak 1967.

    >>> import jax.numpy as jnp, optax
    >>> theta, optimizer = jnp.array(0.5), subgradient(1.0, project=lambda x: jnp.clip(x, -1.0, 1.0))
    >>> updates, _ = optimizer.update(jnp.array(-3.0), optimizer.init(theta), theta)
    >>> float(optax.apply_updates(theta, updates))
    1.0
    """
    scale = descent(step_size)

    def update(
        updates: optax.Updates, state: optax.OptState, params: optax.Params | None = None, **extra: Any
    ) -> tuple[optax.Updates, optax.OptState]:
        moves, state = scale.update(updates, state, params)
        if project is None:
            return moves, state
        if params is None:
            raise ValueError("subgradient: a projection needs params, as in update(grad, state, params)")
        landed = project(optax.apply_updates(params, moves))
        return jax.tree.map(lambda new, old: new - old, landed, params), state

    return optax.GradientTransformationExtraArgs(scale.init, update)
