"""The average iterate."""

from __future__ import annotations

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from convlab.core.output import Output, Seen
from convlab.core.problem import Theta
from convlab.outputs._points import towards


class Mean(NamedTuple):
    """The running mean and the number of points in it."""

    mean: Theta
    points: jax.Array


def average(points: Literal["0..T-1", "1..T", "0..T"] = "0..T-1") -> Output:
    """The mean of θ_0 … θ_{t−1}, the points at which the first t gradients were taken: average(0..T-1).

    ``points`` is the range that is averaged; theorems differ in it, and so do their constants. "1..T" leaves the start
    out and takes the latest iterate in, "0..T" has both. Kept as a running mean m ← m + (θ_t − m)/n, whose rounding
    does not grow with the sum. After no step at all it is θ_0.
    """
    return _OUTPUTS[points]


def _init(theta: Theta, key: jax.Array) -> Mean:
    return Mean(theta, jnp.zeros((), jnp.float64))


def _update(state: Mean, t: jax.Array, seen: Seen) -> Mean:
    count = state.points + 1
    return Mean(towards(state.mean, seen.theta, 1 / count), count)


def _update_later(state: Mean, t: jax.Array, seen: Seen) -> Mean:
    """As `_update`, but θ_0 does not count."""
    counts = jnp.where(t > 0, 1.0, 0.0)
    count = state.points + counts
    return Mean(towards(state.mean, seen.theta, counts / jnp.maximum(count, 1.0)), count)


def _read(state: Mean, theta: Theta) -> Theta:
    return state.mean


def _read_with_last(state: Mean, theta: Theta) -> Theta:
    return towards(state.mean, theta, 1 / (state.points + 1))


_OUTPUTS = {
    "0..T-1": Output(_init, _update, _read),
    "1..T": Output(_init, _update_later, _read_with_last),
    "0..T": Output(_init, _update, _read_with_last),
}
