"""The iterate with the smallest gradient."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from convlab.core.output import Output, Seen
from convlab.core.problem import Theta, squared_norm
from convlab.outputs._points import choose


def smallest_gradient() -> Output:
    """The point among θ_0 … θ_{t−1} with the least ‖∇f_t(θ_t)‖: what theorems on nonconvex functions speak of.

    Under a random oracle ∇f_t is not ∇R: a bound may be confirmed on this point, but not refuted.
    """
    return Output(init=_init, update=_update, read=_read, confirms_only=True)


def _init(theta: Theta, key: jax.Array) -> tuple[jax.Array, Theta]:
    return jnp.full((), jnp.inf, jnp.float64), theta


def _update(state: tuple[jax.Array, Theta], t: jax.Array, seen: Seen) -> tuple[jax.Array, Theta]:
    least, point = state
    norm2 = squared_norm(jax.tree.map(lambda leaf: leaf.astype(jnp.float64), seen.grad))
    better = norm2 < least
    return jnp.where(better, norm2, least), choose(better, seen.theta, point)


def _read(state: tuple[jax.Array, Theta], theta: Theta) -> Theta:
    return state[1]
