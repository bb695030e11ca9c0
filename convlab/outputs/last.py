"""The last iterate."""

from __future__ import annotations

from typing import Any

import jax

from convlab.core.output import Output, Seen
from convlab.core.problem import Theta


def last() -> Output:
    """θ_t itself, the point after t steps."""
    return Output(init=_init, update=_update, read=_read)


def _init(theta: Theta, key: jax.Array) -> tuple[()]:
    return ()


def _update(state: Any, t: jax.Array, seen: Seen) -> Any:
    return state


def _read(state: Any, theta: Theta) -> Theta:
    return theta
