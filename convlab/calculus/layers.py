"""A chain of layers y = f_K(… f_1(x)), backward and forward, with all intermediate derivatives kept.

Outputs first: ∂x_i/∂x_{i−1} has a row for each entry of x_i and a column for each of x_{i−1}. The derivative of the
chain is the product of these matrices. A reverse sweep starts at its left end with a row, a tangent sweep at its right
end with a column; neither forms a matrix. `graph` has the same for nodes that several others use.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import jax
import jax.numpy as jnp

from convlab.calculus import inputs
from convlab.calculus.inputs import CalculusError


@dataclass(frozen=True, eq=False)
class Layer:
    """x_i = apply(params, x_{i−1}), params any pytree, () where there are none.

    The name is that of the parameters: a layer used twice stands twice in the list, the same object, and has one
    gradient, the sum over its uses.
    """

    name: str
    apply: Callable[[Any, Any], Any]
    params: Any = ()


@dataclass(frozen=True, eq=False)
class Sweep:
    """What a sweep leaves behind; ``str`` of it is a table with a line for x_0 and for every layer.

    ``states`` are x_0, …, x_K. ``derivatives``, one of each state and of its shape, are the rows ∂ℓ/∂x_i in a
    reverse sweep and the tangents ẋ_i, columns, in a forward one. ``gradients`` are the ∂ℓ/∂θ of a reverse sweep by the
    layer's name, summed over its uses; ``contributions`` has one for each place in the chain.
    """

    mode: Literal["reverse", "forward"]
    names: tuple[str, ...]
    states: tuple[Any, ...]
    derivatives: tuple[Any, ...]
    gradients: dict[str, Any] = field(default_factory=dict)
    contributions: tuple[Any, ...] = ()

    @property
    def output(self) -> Any:
        return self.states[-1]

    def table(self) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """Header and rows: shapes and Euclidean norms of the states, the derivatives, and the layers' own gradients."""
        reverse = self.mode == "reverse"
        header: list[str] = ["", "layer", "x_i", "‖x_i‖", "‖∂ℓ/∂x_i‖" if reverse else "‖ẋ_i‖"]
        rows = []
        for i, name in enumerate(("", *self.names)):
            row = [f"x_{i}", name, _shape(self.states[i]), _norm(self.states[i]), _norm(self.derivatives[i])]
            own = self.contributions[i - 1] if reverse and i else ()
            rows.append((*row, _shape(own), _norm(own)) if reverse else tuple(row))
        return (*header, *(("θ", "‖∂ℓ/∂θ‖") if reverse else ())), rows

    def __str__(self) -> str:
        header, rows = self.table()
        widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (header, *rows)
        ]
        return "\n".join(line.rstrip() for line in lines)


def forward_sweep(layers: Sequence[Layer], x: Any) -> tuple[Any, ...]:
    """x_0 = x, x_i = f_i(θ_i, x_{i−1}): all states of the chain, x_K last. x is an array or a pytree.

    CalculusError names the layer that does not take the shape it got.

    >>> [s.shape for s in forward_sweep([Layer("A", lambda A, x: A @ x, jnp.ones((2, 3)))], jnp.ones(3))]
    [(3,), (2,)]
    """
    return _states("forward_sweep", layers, x)


def reverse_sweep(layers: Sequence[Layer], x: Any, cotangent: Any = None) -> Sweep:
    """Backpropagation: ∂ℓ/∂x_i for every state and ∂ℓ/∂θ for every layer, outputs first: a row for the one output ℓ.

        ∂ℓ/∂x_{i−1} = ∂ℓ/∂x_i · ∂x_i/∂x_{i−1},   ∂ℓ/∂θ_i = ∂ℓ/∂x_i · ∂x_i/∂θ_i,   i = K, …, 1,

    by one vector-Jacobian product of each layer, taken at its stored input. The chain ends in a scalar ℓ, or
    ``cotangent`` is a row u like x_K and ℓ = uᵀx_K. CalculusError names the layer or argument that does not fit.
    Source: Linnainmaa (1970); Rumelhart, Hinton and Williams (1986).

    >>> square = Layer("square", lambda _, y: jnp.sum(y**2))
    >>> sweep = reverse_sweep([Layer("A", lambda A, x: A @ x, jnp.array([[3.0, 4.0]])), square], jnp.array([1.0, 1.0]))
    >>> print(sweep)
         layer   x_i   ‖x_i‖    ‖∂ℓ/∂x_i‖  θ       ‖∂ℓ/∂θ‖
    x_0          (2,)  1.41421  70
    x_1  A       (1,)  7        14         (1, 2)  19.799
    x_2  square  ()    49       1
    """
    where = "reverse_sweep"
    states = _states(where, layers, x)
    out = states[-1]
    if cotangent is None:
        if not jax.tree_util.all_leaves([out]) or jnp.shape(out) != ():
            raise CalculusError(
                f"{where}: the last layer, '{layers[-1].name}', gives x_{len(layers)} {inputs.shapes(out)}; cotangent "
                "should be given, like it, or the chain should end in a scalar, shape ()"
            )
        cotangent = jnp.ones_like(out)
    row = inputs.alike(where, cotangent, "cotangent", out, f"x_{len(layers)}")
    derivatives, contributions = [row], []
    for layer, state in zip(reversed(layers), reversed(states[:-1]), strict=True):
        of_params, row = jax.vjp(layer.apply, layer.params, state)[1](row)
        derivatives.append(row)
        contributions.append(of_params)
    contributions.reverse()
    gradients: dict[str, Any] = {}
    for layer, of_params in zip(layers, contributions, strict=True):
        gradients[layer.name] = _added(gradients.get(layer.name), of_params)
    names = tuple(layer.name for layer in layers)
    return Sweep("reverse", names, states, tuple(reversed(derivatives)), gradients, tuple(contributions))


def tangent_sweep(layers: Sequence[Layer], x: Any, dx: Any, dparams: Mapping[str, Any] | None = None) -> Sweep:
    """Forward mode: the tangents ẋ_i of all states, columns, along a change of x and of the parameters.

        ẋ_i = ∂x_i/∂x_{i−1} ẋ_{i−1} + ∂x_i/∂θ_i θ̇_i,   i = 1, …, K,   ẋ_0 = dx,

    outputs first. ``dx`` is like x; ``dparams`` holds θ̇ by the layer's name, each like its params; what it leaves out
    does not change. CalculusError names the layer or argument that does not fit. Source: Wengert (1964).

    >>> A = Layer("A", lambda A, x: A @ x, jnp.array([[3.0, 4.0]]))
    >>> tangent_sweep([A], jnp.ones(2), jnp.array([1.0, 0.0]), {"A": jnp.array([[0.0, 10.0]])}).derivatives[1].tolist()
    [13.0]
    """
    where = "tangent_sweep"
    states = _states(where, layers, x)
    given = dict(dparams or {})
    names = tuple(layer.name for layer in layers)
    for name in given:
        if name not in names:
            raise CalculusError(f"{where}: dparams names '{name}', which is no layer; there are {', '.join(names)}")
    tangents = [inputs.alike(where, dx, "dx", states[0], "x")]
    for layer, state in zip(layers, states[:-1], strict=True):
        change = jax.tree.map(jnp.zeros_like, layer.params)
        if layer.name in given and jax.tree.leaves(layer.params):
            name = f"dparams['{layer.name}']"
            change = inputs.alike(where, given[layer.name], name, layer.params, "the layer")
        tangents.append(jax.jvp(layer.apply, (layer.params, state), (change, tangents[-1]))[1])
    return Sweep("forward", names, states, tuple(tangents))


def _states(where: str, layers: Sequence[Layer], x: Any) -> tuple[Any, ...]:
    """x_0, …, x_K, every layer checked on what it gets."""
    if not layers:
        raise CalculusError(f"{where}: layers is empty; it should hold at least one Layer")
    states = [inputs.point(where, x)]
    known: dict[str, Layer] = {}
    for i, layer in enumerate(layers, 1):
        if not isinstance(layer, Layer):
            raise CalculusError(f"{where}: layers[{i - 1}] is {inputs.kind(layer)}; it should be a Layer")
        if known.setdefault(layer.name, layer) is not layer:
            raise CalculusError(
                f"{where}: layer {i} is another one by the name '{layer.name}'; a name is that of its "
                "parameters: give it its own, or use the same Layer object twice"
            )
        name = f"layer {i} '{layer.name}'"
        if jax.tree.leaves(layer.params):
            inputs.point(where, layer.params, f"params of {name}")

        def applied(state: Any, layer: Layer = layer) -> Any:
            return layer.apply(layer.params, state)

        inputs.output(where, applied, states[-1], name=name)
        states.append(applied(states[-1]))
    return tuple(states)


def _added(one: Any, other: Any) -> Any:
    return other if one is None else jax.tree.map(jnp.add, one, other)


def _shape(tree: Any) -> str:
    return ", ".join(str(jnp.shape(leaf)) for leaf in jax.tree.leaves(tree))


def _norm(tree: Any) -> str:
    leaves = jax.tree.leaves(tree)
    if not leaves:
        return ""
    if not inputs.is_concrete(tree):
        return "traced"
    return f"{float(sum(float(jnp.sum(jnp.square(leaf))) for leaf in leaves)) ** 0.5:.6g}"
