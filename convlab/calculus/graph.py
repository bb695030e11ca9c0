"""A graph of computations, node by node: backward the derivatives sum over the nodes that *use* v_i, forward over the
nodes that v_i *uses*. Outputs first: ∂v_k/∂v_i has a row for each entry of v_k and a column for each of v_i.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from convlab.calculus import inputs
from convlab.calculus.inputs import CalculusError


@dataclass(frozen=True, eq=False)
class Node:
    """v = apply(*the values of ``inputs``), which are names of nodes before it or of what is given."""

    name: str
    apply: Callable[..., Any]
    inputs: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class GraphSweep:
    """``values`` of all nodes and of what is given, by name; ``derivatives`` alike, and ``terms`` whose sum each is.

    In a reverse sweep terms[v][w] is ∂ℓ/∂w ∂w/∂v, w a node that uses v; forward it is ∂v/∂w ẇ, w a node that v uses.
    """

    values: dict[str, Any]
    derivatives: dict[str, Any]
    terms: dict[str, dict[str, Any]]


def forward_graph(nodes: Sequence[Node], given: Mapping[str, Any]) -> dict[str, Any]:
    """The values of all nodes, in the order in which they stand, and of what is ``given``.

    CalculusError names the node that does not take what it got, or uses a name that is not there.

    >>> forward_graph([Node("a", lambda x: x**2, ("x",))], {"x": jnp.array(3.0)})["a"].tolist()
    9.0
    """
    return _values("forward_graph", nodes, given)


def reverse_graph(nodes: Sequence[Node], given: Mapping[str, Any], cotangent: Any = None) -> GraphSweep:
    """∂ℓ/∂v for every node and all that is ``given``, a row (outputs first): v̄_i = Σ_k v̄_k ∂v_k/∂v_i, over the nodes
    k that use v_i.

    ℓ is the last node, a scalar, or uᵀ times it, u = ``cotangent``. CalculusError where an argument does not fit.

    >>> square, product = Node("a", lambda x: x**2, ("x",)), Node("b", lambda a, x: a * x, ("a", "x"))
    >>> sweep = reverse_graph([square, product], {"x": jnp.array(3.0)})
    >>> {user: float(term) for user, term in sweep.terms["x"].items()}, float(sweep.derivatives["x"])
    ({'b': 9.0, 'a': 18.0}, 27.0)
    """
    values = _values("reverse_graph", nodes, given)
    last = nodes[-1].name
    if cotangent is None:
        if jnp.shape(values[last]) != ():
            raise CalculusError(
                f"reverse_graph: the last node, '{last}', has shape {jnp.shape(values[last])}; cotangent should be "
                "given, of that shape, or the graph should end in a scalar, shape ()"
            )
        cotangent = jnp.ones_like(values[last])
    of_last = inputs.alike("reverse_graph", cotangent, "cotangent", values[last], f"'{last}'")
    terms: dict[str, dict[str, Any]] = {name: {} for name in values}
    derivatives = {}
    for node in reversed(nodes):  # whoever uses a node comes after it
        derivatives[node.name] = of_last if node.name == last else _total(terms[node.name], values[node.name])
        arguments = [values[name] for name in node.inputs]
        for name, term in zip(node.inputs, jax.vjp(node.apply, *arguments)[1](derivatives[node.name]), strict=True):
            terms[name][node.name] = terms[name].get(node.name, jnp.zeros_like(term)) + term
    return GraphSweep(values, {**{name: _total(terms[name], values[name]) for name in given}, **derivatives}, terms)


def tangent_graph(nodes: Sequence[Node], given: Mapping[str, Any], tangents: Mapping[str, Any]) -> GraphSweep:
    """v̇ of every node, a column, along a change of what is given: v̇_i = Σ_j ∂v_i/∂v_j v̇_j (outputs first), over the
    nodes j that v_i uses.

    ``tangents`` are by name, each like what is given; what they leave out does not change. CalculusError where an
    argument does not fit.

    >>> square, product = Node("a", lambda x: x**2, ("x",)), Node("b", lambda a, x: a * x, ("a", "x"))
    >>> sweep = tangent_graph([square, product], {"x": jnp.array(3.0)}, {"x": jnp.array(1.0)})
    >>> {used: float(term) for used, term in sweep.terms["b"].items()}, float(sweep.derivatives["b"])
    ({'a': 18.0, 'x': 9.0}, 27.0)
    """
    where = "tangent_graph"
    values = _values(where, nodes, given)
    for name in tangents:
        if name not in given:
            raise CalculusError(f"{where}: tangents names '{name}'; what is given is {', '.join(given)}")
    rates: dict[str, Any] = {
        name: inputs.alike(
            where, tangents.get(name, jnp.zeros_like(values[name])), f"tangents['{name}']", values[name], name
        )
        for name in given
    }
    terms: dict[str, dict[str, Any]] = {name: {} for name in values}
    for node in nodes:
        arguments = [values[name] for name in node.inputs]
        for place, name in enumerate(node.inputs):
            still = [jnp.zeros_like(each) for each in arguments]
            still[place] = rates[name]
            term = jax.jvp(node.apply, tuple(arguments), tuple(still))[1]
            terms[node.name][name] = terms[node.name].get(name, jnp.zeros_like(term)) + term
        rates[node.name] = _total(terms[node.name], values[node.name])
    return GraphSweep(values, rates, terms)


def _values(where: str, nodes: Sequence[Node], given: Mapping[str, Any]) -> dict[str, Any]:
    if not nodes:
        raise CalculusError(f"{where}: nodes is empty; it should hold at least one Node")
    values: dict[str, Any] = {name: inputs.array(where, value, f"given['{name}']") for name, value in given.items()}
    for node in nodes:
        if node.name in values:
            raise CalculusError(f"{where}: '{node.name}' is there twice; every node needs a name of its own")
        if missing := [name for name in node.inputs if name not in values]:
            raise CalculusError(
                f"{where}: node '{node.name}' uses '{missing[0]}', which is neither given nor a node before it; "
                f"there are {', '.join(values)}"
            )

        def applied(arguments: tuple[Any, ...], node: Node = node) -> Any:
            return node.apply(*arguments)

        arguments = tuple(values[name] for name in node.inputs)
        inputs.output(where, applied, arguments, single=True, name=f"node '{node.name}'")
        values[node.name] = applied(arguments)
    return values


def _total(terms: Mapping[str, Any], value: Any) -> Any:
    """The sum of the terms; zeros like the value where there is none."""
    total = jnp.zeros_like(value)
    for term in terms.values():
        total = total + term
    return total
