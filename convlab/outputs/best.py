"""The best iterate."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from convlab.core.output import Output, Seen
from convlab.core.problem import Theta
from convlab.outputs._points import choose


def best() -> Output:
    """The point among θ_0 … θ_{t−1} with the least f_t(θ_t): R's true minimum so far under the exact oracle.

    Under a random oracle f_t is not R: the point is still one that was visited, so a bound on the best may be confirmed
    on it, but not refuted.
    """
    return Output(init=_init, update=_update, read=_read, confirms_only=True)


def _init(theta: Theta, key: jax.Array) -> tuple[jax.Array, Theta]:
    # float64 holds any value of a loss exactly, whatever precision the run has.
    return jnp.full((), jnp.inf, jnp.float64), theta


def _update(state: tuple[jax.Array, Theta], t: jax.Array, seen: Seen) -> tuple[jax.Array, Theta]:
    least, point = state
    value = seen.value.astype(jnp.float64)
    better = value < least
    return jnp.where(better, value, least), choose(better, seen.theta, point)


def _read(state: tuple[jax.Array, Theta], theta: Theta) -> Theta:
    return state[1]
