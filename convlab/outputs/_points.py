"""What the outputs share: running means of pytrees."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from convlab.core.problem import Theta


def towards(mean: Theta, theta: Theta, share: jax.Array) -> Theta:
    """m + share·(θ − m) for every leaf, in the leaf's own precision."""
    return jax.tree.map(lambda m, x: m + share.astype(x.dtype) * (x - m), mean, theta)


def choose(new_is_wanted: jax.Array, new: Theta, old: Theta) -> Theta:
    """The new point or the old one, leaf by leaf."""
    return jax.tree.map(lambda a, b: jnp.where(new_is_wanted, a, b), new, old)
