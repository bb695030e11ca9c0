"""The accelerated proximal gradient method, FISTA."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from convlab.core.optimizer import ScalarOrSchedule
from convlab.optimizers._prox import forward_backward, step_at

EXAMPLE = {"step_size": 0.1}
TRAITS = {"accelerated proximal gradient step"}


class AcceleratedProximalGradientState(NamedTuple):
    """x_t, λ_{t+1}, and t, which a schedule reads."""

    point: optax.Params
    size: jax.Array
    t: jax.Array


def judged(state: AcceleratedProximalGradientState, params: optax.Params) -> optax.Params:
    """x_t, which theorems speak of; the params are y_t, where the gradient is taken."""
    return state.point


def accelerated_proximal_gradient(
    step_size: ScalarOrSchedule, prox: Callable[[Any, Any], Any] | None = None
) -> optax.GradientTransformationExtraArgs:
    """x_{t+1} = prox_{ηh}(y_t − η∇f(y_t)), y_{t+1} = x_{t+1} + β_t (x_{t+1} − x_t): FISTA on R = f + h, h simple.

    x_0 = y_0 = θ_0 and β_t = (λ_{t+1} − 1)/λ_{t+2}, λ_1 = 1, λ_{k+1} = (1 + √(1 + 4λ_k²))/2. ``step_size`` is η, or a
    schedule. ``prox`` is (θ, η) ↦ argmin_z h(z) + ‖z − θ‖²/(2η); without one the steps are those of Nesterov's method
    with FISTA's momentum. The lab hands the problem's own prox over, and refuses a problem that has none. The
    parameters are the y_t, the gradient that is handed in is ∇f(y_t); the theorem's point is x_t, the state's
    ``point``. ``update`` needs ``params``; ValueError without them.

    Source: Beck and Teboulle 2009.

    >>> import jax.numpy as jnp, optax
    >>> shrink = lambda x, eta: jnp.sign(x) * jnp.maximum(jnp.abs(x) - eta, 0.0)
    >>> theta, optimizer = jnp.array(4.0), accelerated_proximal_gradient(1.0, prox=shrink)
    >>> state = optimizer.init(theta)
    >>> for _ in range(2):
    ...     updates, state = optimizer.update(jnp.array(0.0), state, theta)
    ...     theta = optax.apply_updates(theta, updates)
    >>> round(float(state.point), 6), round(float(theta), 6)
    (2.0, 1.718246)
    """

    def init(params: optax.Params) -> AcceleratedProximalGradientState:
        # single precision at least: a λ in half precision stops growing at 256
        work = jnp.result_type(jnp.float32, *(leaf.dtype for leaf in jax.tree.leaves(params)))
        first = jax.tree.map(jnp.array, params)
        return AcceleratedProximalGradientState(first, jnp.ones((), work), jnp.zeros((), jnp.int32))

    def update(
        updates: optax.Updates,
        state: AcceleratedProximalGradientState,
        params: optax.Params | None = None,
        **extra: Any,
    ) -> tuple[optax.Updates, AcceleratedProximalGradientState]:
        if params is None:
            raise ValueError("accelerated_proximal_gradient: update needs params, as in update(grad, state, params)")
        point = forward_backward(params, updates, step_at(step_size, state.t), prox)
        larger = (1 + jnp.sqrt(1 + 4 * jnp.square(state.size))) / 2
        beta = (state.size - 1) / larger
        moves = jax.tree.map(
            lambda x, before, y: x + beta.astype(x.dtype) * (x - before) - y, point, state.point, params
        )
        return moves, AcceleratedProximalGradientState(point, larger, optax.safe_increment(state.t))

    return optax.GradientTransformationExtraArgs(init, update)
