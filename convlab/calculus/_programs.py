"""Programs of functions as jax writes them down, read equation by equation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jax.extend import core

_INLINED = ("jit", "pjit", "closed_call", "remat", "checkpoint")
_BODIES = ("jaxpr", "call_jaxpr", "fun_jaxpr")


def is_inlined(equation: Any) -> bool:
    """Whether the equation is a call whose body may stand in its place."""
    return equation.primitive.name in _INLINED


def is_custom(equation: Any) -> bool:
    """Whether it is a function with a derivative of its own, by either mode."""
    return str(equation.primitive.name).startswith("custom_")


def body(equation: Any) -> Any:
    """The program that an equation calls, closed; None where it calls none."""
    found = next((equation.params[key] for key in _BODIES if key in equation.params), None)
    return found if found is None or hasattr(found, "consts") else core.ClosedJaxpr(found, ())


def bound(equation: Any) -> Callable[..., Any]:
    """The equation as a function of its inputs; what it takes beside them differs from version to version of jax."""
    found = equation.primitive.get_bind_params(equation.params)
    subfunctions, parameters = found if isinstance(found, tuple) else ((), found)
    return lambda *values: equation.primitive.bind(*subfunctions, *values, **parameters)


def listed(values: Any) -> list[Any]:
    """What an equation returns, as a list."""
    return list(values) if isinstance(values, list | tuple) else [values]
