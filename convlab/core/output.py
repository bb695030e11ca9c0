"""Output: which point of a trajectory is judged. All outputs are read off one run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from convlab.core.problem import Theta


class Output(NamedTuple):
    """Three pure module-level functions, so that an output is hashable and static under jit.

    ``init(theta)`` gives the state before the first step; ``update(state, t, theta, value, grad)`` sees θ_t, f_t(θ_t)
    and ∇f_t(θ_t) before step t is taken; ``read(state, theta)`` is the output's point after the steps so far, θ being
    the latest iterate. Before the first step it must be θ0. ``confirms_only``: under a random oracle the output sees
    f_t instead of R, so that a bound may be confirmed on it but never refuted.
    """

    init: Callable[[Theta], Any]
    update: Callable[[Any, jax.Array, Theta, jax.Array, Theta], Any]
    read: Callable[[Any, Theta], Theta]
    confirms_only: bool = False
