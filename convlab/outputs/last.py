"""The last iterate."""

from __future__ import annotations

from typing import Any

import jax

from convlab.core.output import Output
from convlab.core.problem import Theta


def last() -> Output:
    """θ_t itself, the point after t steps."""
    return Output(init=_init, update=_update, read=_read)


def _init(theta: Theta) -> tuple[()]:
    return ()


def _update(state: Any, t: jax.Array, theta: Theta, value: jax.Array, grad: Theta) -> Any:
    return state


def _read(state: Any, theta: Theta) -> Theta:
    return theta
