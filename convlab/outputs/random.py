"""A random iterate."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from convlab.core.output import Output, Seen
from convlab.core.problem import Theta
from convlab.outputs._points import choose


class Drawn(NamedTuple):
    """The point drawn so far, and the key of the draws to come."""

    point: Theta
    key: jax.Array


def random() -> Output:
    """One of θ_0 … θ_{t−1}, each with probability 1/t, by the seed's own draw: E q(θ_τ) = (1/t) Σ E q(θ_s).

    What nonconvex theorems on SGD return (Ghadimi and Lan 2013). Drawn by reservoir sampling (Vitter 1985): θ_t
    replaces the point kept with probability 1/(t + 1), so that it is right after any number of steps.
    """
    return Output(init=_init, update=_update, read=_read)


def _init(theta: Theta, key: jax.Array) -> Drawn:
    return Drawn(theta, key)


def _update(state: Drawn, t: jax.Array, seen: Seen) -> Drawn:
    u = jax.random.uniform(jax.random.fold_in(state.key, t), dtype=jnp.float64)
    return Drawn(choose(u * (t + 1).astype(jnp.float64) < 1, seen.theta, state.point), state.key)


def _read(state: Drawn, theta: Theta) -> Theta:
    return state.point
