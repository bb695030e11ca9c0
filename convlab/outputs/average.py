"""The average iterate."""

from __future__ import annotations

import jax

from convlab.core.output import Output
from convlab.core.problem import Theta


def average() -> Output:
    """(θ_0 + … + θ_{t−1})/t, the mean of the points at which the first t gradients were taken: average(0..T-1).

    Kept as a running mean m ← m + (θ_t − m)/(t + 1), whose rounding does not grow with the sum.
    """
    return Output(init=_init, update=_update, read=_read)


def _init(theta: Theta) -> Theta:
    return theta


def _update(mean: Theta, t: jax.Array, theta: Theta, value: jax.Array, grad: Theta) -> Theta:
    return jax.tree.map(lambda m, x: m + (x - m) / (t + 1).astype(x.dtype), mean, theta)


def _read(mean: Theta, theta: Theta) -> Theta:
    return mean
