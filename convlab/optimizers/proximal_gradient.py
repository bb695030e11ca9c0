"""The proximal gradient method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from convlab.core.optimizer import ScalarOrSchedule
from convlab.optimizers._prox import forward_backward, step_at

EXAMPLE = {"step_size": 0.1}
TRAITS = {"proximal gradient step"}


class ProximalGradientState(NamedTuple):
    """t, which a schedule reads."""

    t: jax.Array


def proximal_gradient(
    step_size: ScalarOrSchedule, prox: Callable[[Any, Any], Any] | None = None
) -> optax.GradientTransformationExtraArgs:
    """θ_{t+1} = prox_{ηh}(θ_t − η_t ∇f(θ_t)): proximal gradient descent (ISTA) on R = f + h, f smooth, h simple.

    ``step_size`` is η, or a schedule t ↦ η_t. ``prox`` is (θ, η) ↦ argmin_z h(z) + ‖z − θ‖²/(2η), for h = λ‖·‖₁ the
    shrinkage of each coordinate by ηλ; without one the steps are those of gradient descent. The lab hands the
    problem's own prox over, and refuses a problem that has none. The gradient that is handed in is that of f alone.
    ``update`` needs ``params``; ValueError without them.

    Source: Lions and Mercier 1979; for h = λ‖·‖₁ Daubechies, Defrise and De Mol 2004; Beck and Teboulle 2009.

    >>> import jax.numpy as jnp, optax
    >>> shrink = lambda x, eta: jnp.sign(x) * jnp.maximum(jnp.abs(x) - eta, 0.0)
    >>> theta, optimizer = jnp.array([1.0, 0.25]), proximal_gradient(0.5, prox=shrink)
    >>> updates, _ = optimizer.update(jnp.array([-1.0, 0.0]), optimizer.init(theta), theta)
    >>> optax.apply_updates(theta, updates).tolist()
    [1.0, 0.0]
    """

    def init(params: optax.Params) -> ProximalGradientState:
        return ProximalGradientState(jnp.zeros((), jnp.int32))

    def update(
        updates: optax.Updates, state: ProximalGradientState, params: optax.Params | None = None, **extra: Any
    ) -> tuple[optax.Updates, ProximalGradientState]:
        if params is None:
            raise ValueError("proximal_gradient: update needs params, as in update(grad, state, params)")
        landed = forward_backward(params, updates, step_at(step_size, state.t), prox)
        moves = jax.tree.map(lambda new, old: new - old, landed, params)
        return moves, ProximalGradientState(optax.safe_increment(state.t))

    return optax.GradientTransformationExtraArgs(init, update)
