"""The heavy ball: gradient descent with momentum."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from convlab.core.optimizer import ScalarOrSchedule, descent

EXAMPLE = {"step_size": 0.1, "momentum": 0.5}
TRAITS = {"heavy-ball step"}


class HeavyBallState(NamedTuple):
    """The last displacement θ_t − θ_{t−1}, and the step's own state (a count, where it is a schedule)."""

    displacement: optax.Updates
    step: optax.OptState


def heavy_ball(step_size: ScalarOrSchedule, momentum: float) -> optax.GradientTransformationExtraArgs:
    """θ_{t+1} = θ_t − α_t ∇f_t(θ_t) + β(θ_t − θ_{t−1}) with θ_{−1} = θ_0: the heavy ball (Polyak 1964).

    ``step_size`` is α, or a schedule t ↦ α_t; ``momentum`` is β ∈ [0, 1). On a μ-strongly convex quadratic α =
    4/(√L + √μ)² and β = ((√L − √μ)/(√L + √μ))² are the best constants. Unlike ``optax.sgd``'s, the displacement is
    kept, not a sum of gradients, so that a schedule scales the newest gradient alone.
    """
    scale = descent(step_size)

    def init(params: optax.Params) -> HeavyBallState:
        return HeavyBallState(jax.tree.map(jnp.zeros_like, params), scale.init(params))

    def update(
        updates: optax.Updates, state: HeavyBallState, params: optax.Params | None = None, **extra: Any
    ) -> tuple[optax.Updates, HeavyBallState]:
        steps, step = scale.update(updates, state.step, params)
        moves = jax.tree.map(lambda s, d: s + jnp.asarray(momentum, s.dtype) * d, steps, state.displacement)
        return moves, HeavyBallState(moves, step)

    return optax.GradientTransformationExtraArgs(init, update)
