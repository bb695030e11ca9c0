"""Taylor mode: all derivatives of s ↦ f(x + sv) up to any order in one pass, at a cost that is polynomial in it.

`jax.experimental.jet` knows the rule of each primitive but fails on functions that bring a derivative of their own
(`custom_jvp`: softplus, relu, logaddexp). Here the program of f is walked equation by equation. A primitive is jet's; a
custom function y = g(x) is integrated from its own rule, y' = ∂g(x)[x']: the series of the right side, one order
shorter and found in the same way, is that of y, shifted by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import jet
from jax.extend import core

from convlab.calculus import _programs as programs

Series = list[jax.Array]  # y, y', y'', …, derivatives and not coefficients: no factorials
_CUSTOM = "custom_jvp_call"
_REFUSED = ("custom_vjp_call", "custom_lin")  # rules for reverse mode, which a series does not follow


def series(f: Callable[..., Any], points: Sequence[Series]) -> list[Series]:
    """The derivatives, in s at 0, of every array that f returns; ``points`` holds those of each argument, up to K.

    Raises NotImplementedError (or what jet raises) where a primitive has no rule: control flow, sorting, linear solves,
    complex numbers, functions with a rule for reverse mode alone.
    """
    closed = jax.make_jaxpr(f)(*[point[0] for point in points])
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):  # jet's own rules promote
        return _walk(closed.jaxpr, closed.consts, points)


def _walk(program: Any, constants: Sequence[Any], points: Sequence[Series]) -> list[Series]:
    order = len(points[0]) - 1
    known: dict[Any, Series] = {}

    def constant(value: Any) -> Series:
        return _filled(jnp.asarray(value), (), order)

    def read(name: Any) -> Series:
        return constant(name.val) if isinstance(name, core.Literal) else known[name]

    known |= dict(zip(program.constvars, map(constant, constants), strict=True))
    known |= dict(zip(program.invars, points, strict=True))
    for equation in program.eqns:
        found = _apply(equation, [read(name) for name in equation.invars], order)
        known |= dict(zip(equation.outvars, found, strict=True))
    return [read(name) for name in program.outvars]


def _apply(equation: Any, points: list[Series], order: int) -> list[Series]:
    """One equation of a program."""
    name = equation.primitive.name
    if order and programs.is_inlined(equation):
        closed = programs.body(equation)
        return _walk(closed.jaxpr, closed.consts, points)
    if order and name == _CUSTOM:
        return _integrated(equation, points)
    values = [point[0] for point in points]
    if order and (name in _REFUSED or any(jnp.iscomplexobj(value) for value in values)):
        raise NotImplementedError(f"{name} of complex numbers" if name not in _REFUSED else name)
    if not order or not any(jnp.issubdtype(value.dtype, jnp.floating) for value in values):
        return [_filled(value, (), order) for value in programs.listed(programs.bound(equation)(*values))]
    primal, rest = jet.jet(  # type: ignore[no-untyped-call]
        programs.bound(equation), values, [point[1:] for point in points]
    )
    if equation.primitive.multiple_results:
        return [_filled(value, more, order) for value, more in zip(primal, rest, strict=True)]
    return [_filled(primal, rest, order)]


def _integrated(equation: Any, points: list[Series]) -> list[Series]:
    """y = g(x) from y' = ∂g(x)[x'], of which one order less is needed."""
    call = programs.bound(equation)
    if any(jnp.iscomplexobj(point[0]) for point in points):
        raise NotImplementedError("a custom function of complex numbers")
    moving = [index for index, point in enumerate(points) if jnp.issubdtype(point[0].dtype, jnp.floating)]

    def rate(*both: Any) -> list[Any]:
        x, dx = list(both[: len(points)]), both[len(points) :]

        def of_moving(*floats: Any) -> list[Any]:
            full = list(x)
            for index, value in zip(moving, floats, strict=True):
                full[index] = value
            return programs.listed(call(*full))

        return list(jax.jvp(of_moving, tuple(x[index] for index in moving), tuple(dx))[1])

    values = programs.listed(call(*[point[0] for point in points]))
    rates = series(rate, [point[:-1] for point in points] + [points[index][1:] for index in moving])
    return [[value, *rising] for value, rising in zip(values, rates, strict=True)]


def _filled(value: jax.Array, more: Any, order: int) -> Series:
    """What jet leaves out, or marks by a symbol, is zero."""
    more = list(more) if isinstance(more, list | tuple) else []
    return [value, *[each if hasattr(each, "dtype") else jnp.zeros_like(value) for each in more or [None] * order]]
