"""Output: which point of a trajectory is judged. All outputs are read off one run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from convlab.core.problem import Theta


class Seen(NamedTuple):
    """θ_t, f_t(θ_t), ∇f_t(θ_t), and the step size η_t (NaN where the optimizer has none)."""

    theta: Theta
    value: jax.Array
    grad: Theta
    step_size: jax.Array


class Output(NamedTuple):
    """Three pure functions of a module, or of a cached factory, so that an output is hashable and static under jit.

    ``init(theta, key)`` gives the state before the first step, ``key`` being the seed's own, for an output that draws;
    ``update(state, t, seen)`` sees θ_t and what step t was told (`Seen`) before it is taken; ``read(state, theta)`` is
    the output's point after the steps so far, θ being the latest iterate. Before the first step it must be θ0.
    ``confirms_only``: under a random oracle the output sees f_t instead of R, so that a bound may be confirmed on it
    but never refuted. ``needs_step_size``: it is not read where the optimizer has none.
    """

    init: Callable[[Theta, jax.Array], Any]
    update: Callable[[Any, jax.Array, Seen], Any]
    read: Callable[[Any, Theta], Theta]
    confirms_only: bool = False
    needs_step_size: bool = False
