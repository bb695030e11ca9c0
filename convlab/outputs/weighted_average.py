"""The weighted average iterate."""

from __future__ import annotations

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from convlab.core.output import Output, Seen
from convlab.core.problem import Theta
from convlab.outputs._points import towards


class Weighted(NamedTuple):
    """The weighted mean and the sum of the weights."""

    point: Theta
    total: jax.Array


def weighted_average(weights: Literal["step_size", "t+1"] = "step_size") -> Output:
    """Σ w_s θ_s / Σ w_s over s = 0 … t−1 with w_s = η_s, the step size ("step_size"), or w_s = s + 1 ("t+1").

    Weights that are the step sizes suit decreasing steps on convex functions; linear weights, steps 2/(μ(t + 2)) on
    strongly convex ones (Lacoste-Julien, Schmidt and Bach 2012).
    """
    return _OUTPUTS[weights]


def _init(theta: Theta, key: jax.Array) -> Weighted:
    return Weighted(theta, jnp.zeros((), jnp.float64))


def _take(state: Weighted, theta: Theta, weight: jax.Array) -> Weighted:
    total = state.total + weight.astype(jnp.float64)
    return Weighted(towards(state.point, theta, weight.astype(jnp.float64) / total), total)


def _by_step(state: Weighted, t: jax.Array, seen: Seen) -> Weighted:
    return _take(state, seen.theta, seen.step_size)


def _by_time(state: Weighted, t: jax.Array, seen: Seen) -> Weighted:
    return _take(state, seen.theta, t + 1)


def _read(state: Weighted, theta: Theta) -> Theta:
    return state.point


_OUTPUTS = {
    "step_size": Output(_init, _by_step, _read, needs_step_size=True),
    "t+1": Output(_init, _by_time, _read),
}
