"""What proximal gradient methods share: η_t as a number, and one forward-backward step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from convlab.core.optimizer import ScalarOrSchedule

Prox = Callable[[Any, Any], Any]  # (θ, η) ↦ argmin_z h(z) + ‖z − θ‖²/(2η)


def step_at(step_size: ScalarOrSchedule, count: jax.Array) -> Any:
    """η_t: the number itself, or the schedule's value."""
    return step_size(count) if callable(step_size) else step_size


def forward_backward(theta: optax.Params, gradient: optax.Updates, eta: Any, prox: Prox | None) -> optax.Params:
    """prox(θ − ηg, η): down along the gradient of the smooth part, then the proximal map of the other one."""
    moved = jax.tree.map(lambda x, g: (x - jnp.asarray(eta, x.dtype) * g).astype(x.dtype), theta, gradient)
    return moved if prox is None else prox(moved, eta)
