"""Backpropagation through y = f_K(… f_1(x)): gradients for every θ_i, from one sweep backward.

The table is that of a reverse sweep through a network of four layers on the first flower of Fisher's iris data: what
each layer gave, the derivative of the loss by it, and by the layer's own parameters. Below: the same derivatives by
`gradient` of the whole, forward mode, parameters that are used twice, and a graph on which the sums of both modes are
written out.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from convlab.calculus.derivatives import gradient, jacobian_vector_product
from convlab.calculus.graph import Node, reverse_graph, tangent_graph
from convlab.calculus.layers import Layer, Sweep, reverse_sweep, tangent_sweep
from convlab.lecture.shown import Shown, digits

FLOWER = (5.1, 3.5, 1.4, 0.2)  # sepal length and width, petal length and width in cm: Iris setosa
SPECIES = 0
WIDTHS = (4, 6, 5, 3)
ALLOWED = 1e-12


def network(seed: int = 0) -> list[Layer]:
    """Three dense layers, then softmax and cross-entropy in one; weights N(0, 1/inputs), biases N(0, 1/4)."""
    rng = np.random.default_rng(seed)

    def dense(params: Any, x: Any) -> Any:
        return params["W"] @ x + params["b"]

    layers = []
    for i, (into, out) in enumerate(pairwise(WIDTHS), 1):
        params = {
            "W": jnp.asarray(rng.normal(size=(out, into)) / into**0.5),
            "b": jnp.asarray(rng.normal(size=out) / 2),
        }
        last = i == len(WIDTHS) - 1
        apply = dense if last else lambda params, x: jnp.tanh(dense(params, x))
        layers.append(Layer(f"dense {i}" if last else f"tanh {i}", apply, params))
    return [*layers, Layer("cross-entropy", lambda _, z: jax.nn.logsumexp(z) - z[SPECIES])]


def run() -> Shown:
    layers, x = network(), jnp.asarray(FLOWER)
    sweep = reverse_sweep(layers, x)
    header, rows = sweep.table()
    notes, errors = zip(
        _last(sweep),
        _backward(layers, x),
        _forward(layers, x),
        _used_twice(x),
        *_sums(),
        strict=True,
    )
    return Shown(header, tuple(rows), notes, well=max(errors) <= ALLOWED)


def _composed(layers: list[Layer], params: dict[str, Any], x: Any) -> Any:
    for layer in layers:
        x = layer.apply(params[layer.name], x)
    return x


def _last(sweep: Sweep) -> tuple[str, float]:
    """The first derivative that the sweep computes has a closed form."""
    row, z = sweep.derivatives[-2], sweep.states[-2]
    true = jax.nn.softmax(z) - jnp.eye(len(z))[SPECIES]
    entries = ", ".join(digits(float(entry)) for entry in row)
    return (
        f"x_0 is a flower of Fisher's iris data, ℓ = {digits(float(sweep.output))} the loss on it. Backward begins "
        f"with ∂ℓ/∂x_{len(sweep.states) - 2} = ({entries}), softmax minus the label.",
        _apart(row, true),
    )


def _backward(layers: list[Layer], x: jax.Array) -> tuple[str, float]:
    sweep = reverse_sweep(layers, x)
    params = {layer.name: layer.params for layer in layers}
    whole = gradient(lambda both: _composed(layers, *both), (params, x))
    error = _apart((sweep.gradients, sweep.derivatives[0]), whole)
    return f"Against jax.grad of the whole network its gradients are off by {digits(error)} (relative).", error


def _forward(layers: list[Layer], x: jax.Array) -> tuple[str, float]:
    rng = np.random.default_rng(1)
    params = {layer.name: layer.params for layer in layers}
    dx, dparams = jax.tree.map(lambda a: jnp.asarray(rng.normal(size=a.shape)), (x, params))
    forward = tangent_sweep(layers, x, dx, dparams).derivatives[-1]
    whole = jacobian_vector_product(lambda both: _composed(layers, *both), (params, x), (dparams, dx))
    backward = reverse_sweep(layers, x)
    change = jax.tree.map(jnp.vdot, (backward.gradients, backward.derivatives[0]), (dparams, dx))
    both = jnp.asarray(sum(jax.tree.leaves(change)))
    error = max(_apart(forward, whole), _apart(forward, both))
    return (
        f"Forward along a random change of x and of all θ: dℓ = {digits(float(forward))}, off by "
        f"{digits(_apart(forward, whole))} against jax.jvp, and by {digits(_apart(forward, both))} against the "
        "backward gradients times the change.",
        error,
    )


def _used_twice(x: jax.Array) -> tuple[str, float]:
    W = jnp.asarray(np.random.default_rng(2).normal(size=(4, 4)) / 2)
    again = Layer("W", lambda W, x: jnp.tanh(W @ x), W)
    sweep = reverse_sweep([again, again, Layer("square", lambda _, x: jnp.sum(x**2))], x)
    whole = gradient(lambda W: jnp.sum(jnp.tanh(W @ jnp.tanh(W @ x)) ** 2), W)
    first, second = (float(jnp.linalg.norm(each)) for each in sweep.contributions[:2])
    error = _apart(sweep.gradients["W"], whole)
    return (
        f"A layer used twice has one gradient, the sum of two: of norm {digits(float(jnp.linalg.norm(whole)))}, from "
        f"{digits(first)} and {digits(second)}; off by {digits(error)} against jax.grad.",
        error,
    )


def _sums() -> tuple[tuple[str, float], tuple[str, float]]:
    """The lecture's x₁²x₂ + x₁x₂³ as a graph, at (2, 1), where the gradient is (5, 10)."""
    nodes = (
        Node("a", lambda x1: x1**2, ("x1",)),
        Node("b", lambda a, x2: a * x2, ("a", "x2")),
        Node("c", lambda x2: x2**3, ("x2",)),
        Node("d", lambda x1, c: x1 * c, ("x1", "c")),
        Node("y", lambda b, d: b + d, ("b", "d")),
    )
    given = {"x1": jnp.asarray(2.0), "x2": jnp.asarray(1.0)}
    backward = reverse_graph(nodes, given)
    forward = tangent_graph(nodes, given, {"x1": jnp.asarray(1.0)})
    by_use = "; ".join(
        f"∂y/∂{name} = {_written(backward.terms[name])} = {float(backward.derivatives[name]):g}" for name in given
    )
    by_input = "; ".join(
        f"{name}' = {_written(forward.terms[name])} = {float(forward.derivatives[name]):g}" for name in ("b", "d", "y")
    )
    errors = [abs(float(backward.derivatives[name]) - true) for name, true in (("x1", 5.0), ("x2", 10.0))]
    return (
        (
            "A graph: a = x1², b = a x2, c = x2³, d = x1 c, y = b + d at x = (2, 1). Backward sums over the nodes that "
            f"use v_i: {by_use}.",
            max(errors),
        ),
        (
            f"Forward sums over the nodes that v_i uses, with x1' = 1 and x2' = 0: {by_input} = ∂y/∂x1.",
            abs(float(forward.derivatives["y"]) - 5.0),
        ),
    )


def _written(terms: dict[str, Any]) -> str:
    return " + ".join(f"{float(term):g} ({name})" for name, term in sorted(terms.items()))


def _apart(one: Any, other: Any) -> float:
    """The largest difference of two trees, relative to the largest entry of the second."""
    pairs = list(zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True))
    scale = max((float(jnp.max(jnp.abs(b))) for _, b in pairs if b.size), default=1.0) or 1.0
    return max((float(jnp.max(jnp.abs(a - b))) for a, b in pairs if a.size), default=0.0) / scale
