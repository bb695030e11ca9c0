"""Derivatives along a direction, Dᵏf(x)[v, …, v] = dᵏ/dsᵏ f(x + s v) at s = 0, of any order; no tensor is formed."""

from __future__ import annotations

from typing import Any, Literal

import jax
import jax.numpy as jnp

from convlab.calculus import inputs
from convlab.calculus.inputs import CalculusError, Function

Method = Literal["auto", "nested", "taylor mode"]
MOST_NESTED = 8  # a level of jvp in a jvp triples the program: eight are traced in seconds, ten in half a minute
MOST = 64
_NO_RULE = (NotImplementedError, KeyError, TypeError, ValueError, AssertionError)  # what a walk without a rule raises
_FEW = 4  # orders up to which nesting is the cheaper way


def directional_derivatives(f: Function, x: Any, v: Any, order: int, method: Method = "auto") -> list[Any]:
    """[f(x), Df(x)[v], …, Dᵏf(x)[v, …, v]], k = order, each with f's shapes (outputs first; the inputs are contracted).

    They are derivatives, not coefficients: no factorials. ``method``: "nested" is jvp within jvp, which any function
    stands, up to order 8; "taylor mode" carries all orders at once, up to 64, and knows neither control flow nor linear
    solves; "auto" nests up to order 4 and beyond it takes Taylor mode where that has a rule for everything in f and
    meets no singular one (x ** 2.5 at 0). x and v are pytrees of the same structure. CalculusError where an argument
    does not fit.

    >>> [float(d) for d in directional_derivatives(lambda x: x[0] ** 2 * x[1], [1.0, 3.0], [1.0, 1.0], 3)]
    [3.0, 7.0, 10.0, 6.0]
    """
    where = "directional_derivatives"
    x = inputs.point(where, x)
    inputs.output(where, f, x)
    v = inputs.alike(where, v, "v", x, "x")
    order = inputs.whole(where, order, "order", 0, MOST)
    if method not in ("auto", "nested", "taylor mode"):
        raise CalculusError(f"{where}: method is {inputs.kind(method)}; it should be 'auto', 'nested' or 'taylor mode'")
    if method == "nested" or (order <= _FEW and method == "auto"):
        return _nested_up_to(f, x, v, order)
    try:
        found = _in_taylor_mode(f, x, v, order)
    except _NO_RULE as error:
        if method == "taylor mode" or order > MOST_NESTED:
            raise CalculusError(
                f"{where}: Taylor mode has no rule for a part of f ({type(error).__name__}: {str(error)[:80]}), "
                f"and order = {order} is too high to nest: at most {MOST_NESTED}"
            ) from error
        return _nested_up_to(f, x, v, order)
    leaves = jax.tree.leaves(found) if inputs.is_concrete(found) else []
    if method == "auto" and order <= MOST_NESTED and not all(bool(jnp.isfinite(leaf).all()) for leaf in leaves):
        return _nested_up_to(f, x, v, order)
    if any(bool(jnp.isnan(leaf).any()) for leaf in leaves):
        first = next(
            k for k, each in enumerate(found) if any(bool(jnp.isnan(leaf).any()) for leaf in jax.tree.leaves(each))
        )
        raise CalculusError(
            f"{where}: Taylor mode gives NaN from order {first} on: a singular rule (x ** 3.0 at x ≤ 0; write x ** 3), "
            "or factorials beyond the range of float32; float64 or a lower order may do"
        )
    return found


def directional_derivative(f: Function, x: Any, v: Any, order: int = 1) -> Any:
    """Dᵏf(x)[v, …, v], k = order, alone and with f's shapes, by jvp within jvp; unchecked, for use inside programs.

    >>> float(directional_derivative(lambda x: x[0] ** 2 * x[1], jnp.array([1.0, 3.0]), jnp.array([1.0, 0.0]), 2))
    6.0
    """
    if order == 0:
        return f(x)
    return jax.jvp(lambda point: directional_derivative(f, point, v, order - 1), (x,), (v,))[1]


def nested_derivatives(f: Function, x: Any, v: Any, order: int) -> list[Any]:
    """f(x), Df(x)[v], …, Dᵏf(x)[v, …, v] by jvp within jvp; unchecked, for use inside programs."""

    def lifted(lower: Function) -> Function:
        def with_next(point: Any) -> list[Any]:
            values, rates = jax.jvp(lower, (point,), (v,))
            return [*values, rates[-1]]

        return with_next

    every: Function = lambda point: [f(point)]  # noqa: E731 - the first of a tower
    for _ in range(order):
        every = lifted(every)
    found: list[Any] = every(x)
    return found


def highest_derivative(f: Function, x: Any, v: Any, order: int) -> Any:
    """Dᵏf(x)[v, …, v] alone, unchecked, nested for few orders and in Taylor mode for more, where that has all rules."""
    if order > _FEW:
        try:
            return _in_taylor_mode(f, x, v, order)[-1]
        except _NO_RULE:
            if order > MOST_NESTED:
                raise
    return directional_derivative(f, x, v, order)


def _nested_up_to(f: Function, x: Any, v: Any, order: int) -> list[Any]:
    if order > MOST_NESTED:
        raise CalculusError(
            f"directional_derivatives: order = {order} is too high to nest: at most {MOST_NESTED}, "
            "since every level triples the program; method 'taylor mode' goes further"
        )

    program = jax.jit(lambda at: nested_derivatives(f, at, v, order))  # equal parts are computed once
    found: list[Any] = inputs.differentiated("directional_derivatives", program, x)
    return found


def _in_taylor_mode(f: Function, x: Any, v: Any, order: int) -> list[Any]:
    from convlab.calculus import _taylor_mode  # imports all of jax.extend

    leaves, structure = jax.tree.flatten(x)
    shape = jax.tree.structure(jax.eval_shape(f, x))

    def every(leaves: list[jax.Array], rates: list[jax.Array]) -> list[list[jax.Array]]:
        points = [
            [leaf, rate, *[jnp.zeros_like(leaf)] * (order - 1)][: order + 1]
            for leaf, rate in zip(leaves, rates, strict=True)
        ]
        return _taylor_mode.series(lambda *flat: jax.tree.leaves(f(jax.tree.unflatten(structure, flat))), points)

    found = jax.jit(every)(leaves, jax.tree.leaves(v))
    return [jax.tree.unflatten(shape, [leaf[k] for leaf in found]) for k in range(order + 1)]
