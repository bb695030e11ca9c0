"""Sweeps through chains and graphs against backpropagation by hand, differences of numpy, jax.grad and jax.jvp."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from convlab.calculus import graph, layers
from convlab.calculus.graph import Node, forward_graph, reverse_graph, tangent_graph
from convlab.calculus.inputs import CalculusError
from convlab.calculus.layers import Layer, forward_sweep, reverse_sweep, tangent_sweep

RNG = np.random.default_rng(0)
W1, W2, W3 = RNG.normal(size=(5, 3)), RNG.normal(size=(4, 5)), RNG.normal(size=(2, 4))
B1, C2 = RNG.normal(size=5), RNG.normal(size=4)
X0, TARGET = RNG.normal(size=3), np.array([0.5, -1.0])


@pytest.fixture(autouse=True)
def strict_float64() -> Iterator[None]:
    with jax.enable_x64(True), jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        yield


def network() -> list[Layer]:
    """3 → 5 → 4 → 2 and half the squared error; parameters as a dict, as a tuple of nested ones, an array, and none."""
    return [
        Layer("first", lambda p, x: jnp.tanh(p["W"] @ x + p["b"]), {"W": jnp.asarray(W1), "b": jnp.asarray(B1)}),
        Layer("second", lambda p, x: jnp.sin(p[0] @ x) * p[1]["c"], (jnp.asarray(W2), {"c": jnp.asarray(C2)})),
        Layer("third", lambda W, x: W @ x, jnp.asarray(W3)),
        Layer("loss", lambda _, x: 0.5 * jnp.sum((x - jnp.asarray(TARGET)) ** 2)),
    ]


def by_hand() -> tuple[list[np.ndarray], list[np.ndarray], dict[str, Any]]:
    """States, rows ∂ℓ/∂x_i and gradients of that network, in numpy."""
    x1 = np.tanh(W1 @ X0 + B1)
    z = W2 @ x1
    x2 = np.sin(z) * C2
    x3 = W3 @ x2
    states = [X0, x1, x2, x3, 0.5 * np.sum((x3 - TARGET) ** 2)]
    d3 = x3 - TARGET
    d2 = d3 @ W3
    dz = d2 * C2 * np.cos(z)
    d1 = dz @ W2
    da = d1 * (1 - x1**2)
    gradients = {
        "first": {"W": np.outer(da, X0), "b": da},
        "second": (np.outer(dz, x1), {"c": d2 * np.sin(z)}),
        "third": np.outer(d3, x2),
        "loss": (),
    }
    return states, [da @ W1, d1, d2, d3, np.array(1.0)], gradients


def composed(chain: list[Layer], params: dict[str, Any], x: Any) -> Any:
    for layer in chain:
        x = layer.apply(params[layer.name], x)
    return x


def parameters(chain: list[Layer]) -> dict[str, Any]:
    return {layer.name: layer.params for layer in chain}


def close(found: Any, truth: Any, rtol: float = 1e-13) -> None:
    assert jax.tree.structure(found) == jax.tree.structure(truth)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(truth), strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol)


def test_the_reverse_sweep_is_backpropagation_by_hand_and_jax_grad() -> None:
    chain, x = network(), jnp.asarray(X0)
    states, rows, gradients = by_hand()
    sweep = reverse_sweep(chain, x)
    close(list(forward_sweep(chain, x)), states)
    close(list(sweep.states), states)
    close(list(sweep.derivatives), rows)
    close(sweep.gradients, gradients)
    by_params, by_x = jax.grad(lambda p, x: composed(chain, p, x), argnums=(0, 1))(parameters(chain), x)
    close((sweep.gradients, sweep.derivatives[0]), (by_params, by_x))


def test_both_sweeps_against_differences() -> None:
    """(f(x + h v) − f(x − h v))/2h at h = 2⁻¹⁷ is off by h²/6 = 1e-11 times a third derivative, of up to some hundred
    along these v, and by rounding, ε/h = 3e-11.
    """
    rng, chain, h = np.random.default_rng(5), network()[:3], 2.0**-17
    dx, dparams = jax.tree.map(lambda a: rng.normal(size=a.shape), (jnp.asarray(X0), parameters(chain)))

    def along(s: float) -> np.ndarray:
        moved = jax.tree.map(lambda a, d: a + s * d, (jnp.asarray(X0), parameters(chain)), (dx, dparams))
        p, x = moved[1], np.asarray(moved[0])
        x = np.tanh(p["first"]["W"] @ x + p["first"]["b"])
        return np.asarray(p["third"] @ (np.sin(p["second"][0] @ x) * p["second"][1]["c"]))

    truth = (along(h) - along(-h)) / (2 * h)
    forward = tangent_sweep(chain, X0, dx, dparams)
    np.testing.assert_allclose(forward.derivatives[-1], truth, atol=1e-8)
    u = np.array([2.0, -3.0])
    backward = reverse_sweep(chain, X0, cotangent=u)
    change = jax.tree.map(lambda a, d: float(np.sum(a * d)), backward.gradients, dparams)
    assert abs(sum(jax.tree.leaves(change)) + backward.derivatives[0] @ dx - u @ truth) < 1e-7


def test_the_tangent_sweep_is_jax_jvp_and_vector_outputs_are_jax_vjp() -> None:
    rng, chain = np.random.default_rng(6), network()[:3]
    x, params = jnp.asarray(X0), parameters(chain)
    dx, dparams = jax.tree.map(lambda a: jnp.asarray(rng.normal(size=a.shape)), (x, params))
    whole = lambda p, x: composed(chain, p, x)  # noqa: E731
    sweep = tangent_sweep(chain, x, dx, dparams)
    close(sweep.derivatives[-1], jax.jvp(whole, (params, x), (dparams, dx))[1])
    close(sweep.derivatives[1], jax.jvp(chain[0].apply, (params["first"], x), (dparams["first"], dx))[1])
    zero = jax.tree.map(jnp.zeros_like, params)
    only_third = tangent_sweep(chain, x, jnp.zeros(3), {"third": dparams["third"]})
    close(only_third.derivatives[-1], jax.jvp(whole, (params, x), ({**zero, "third": dparams["third"]}, 0 * x))[1])
    u = jnp.asarray([1.0, -2.0])
    by_params, by_x = jax.vjp(whole, params, x)[1](u)
    backward = reverse_sweep(chain, x, u)
    close((backward.gradients, backward.derivatives[0]), (by_params, by_x))


def test_a_layer_used_twice_has_the_sum_as_its_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    """tanh(W tanh(W x)): jax.grad adds the two uses; a sweep that keeps one of them is found wrong."""
    W = jnp.asarray(np.random.default_rng(8).normal(size=(3, 3)))
    again = Layer("W", lambda W, x: jnp.tanh(W @ x), W)
    chain = [again, Layer("skip", lambda _, x: x + jnp.sin(x)), again, Layer("sum", lambda _, x: jnp.sum(x))]

    def whole(W: Any) -> Any:
        x = jnp.tanh(W @ jnp.asarray(X0))
        return jnp.sum(jnp.tanh(W @ (x + jnp.sin(x))))

    truth = jax.grad(whole)(W)
    sweep = reverse_sweep(chain, X0)
    close(sweep.gradients["W"], truth)
    np.testing.assert_allclose(sweep.contributions[0] + sweep.contributions[2], truth, rtol=1e-13)
    change = tangent_sweep(chain, X0, np.zeros(3), {"W": W}).derivatives[-1]
    np.testing.assert_allclose(change, np.sum(truth * W), rtol=1e-13)

    monkeypatch.setattr(layers, "_added", lambda _, other: other)
    forgetful = reverse_sweep(chain, X0).gradients["W"]
    assert np.max(np.abs(forgetful - truth)) > 0.1 * np.max(np.abs(truth))


def test_sweeps_compile_and_map() -> None:
    chain = network()

    @jax.jit
    @jax.vmap
    def rows(x: Any) -> Any:
        sweep = reverse_sweep(chain, x)
        assert "traced" in str(sweep)
        return sweep.derivatives[0], sweep.gradients, tangent_sweep(chain, x, jnp.ones(3)).derivatives[-1]

    points = jnp.stack([jnp.asarray(X0), 2.0 * jnp.asarray(X0)])
    by_x, by_params, along = rows(points)
    close(by_x[0], by_hand()[1][0])
    close(by_params["third"][0], by_hand()[2]["third"])
    np.testing.assert_allclose(along, by_x.sum(axis=1), rtol=1e-13)


def test_the_tables_show_shapes_and_norms() -> None:
    chain = network()
    lines = str(reverse_sweep(chain, X0)).splitlines()
    states, rows, gradients = by_hand()
    assert len(lines) == 6
    assert lines[2].split()[:3] == ["x_1", "first", "(5,)"]
    for line, state, row in zip(lines[1:], states, rows, strict=True):
        assert f"{np.linalg.norm(state):.6g}" in line
        assert f"{np.linalg.norm(row):.6g}" in line
    first = np.sqrt(np.sum(gradients["first"]["W"] ** 2) + np.sum(gradients["first"]["b"] ** 2))
    assert lines[2].endswith(f"(5, 3), (5,)  {first:.6g}")
    forward = str(tangent_sweep(chain, X0, X0)).splitlines()
    assert forward[0].split() == ["layer", "x_i", "‖x_i‖", "‖ẋ_i‖"]
    assert len(forward) == 6


def lecture_graph() -> tuple[Node, ...]:
    """x₁²x₂ + x₁x₂³."""
    return (
        Node("a", lambda x1: x1**2, ("x1",)),
        Node("b", lambda a, x2: a * x2, ("a", "x2")),
        Node("c", lambda x2: x2**3, ("x2",)),
        Node("d", lambda x1, c: x1 * c, ("x1", "c")),
        Node("y", lambda b, d: b + d, ("b", "d")),
    )


def test_a_graph_sums_over_users_backward_and_over_the_used_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"x1": jnp.asarray(2.0), "x2": jnp.asarray(1.0)}
    assert {k: float(v) for k, v in forward_graph(lecture_graph(), given).items()} == {
        "x1": 2, "x2": 1, "a": 4, "b": 4, "c": 1, "d": 2, "y": 6,
    }  # fmt: skip
    backward = reverse_graph(lecture_graph(), given)
    assert {k: float(v) for k, v in backward.derivatives.items()} == {
        "x1": 5, "x2": 10, "a": 1, "b": 1, "c": 2, "d": 1, "y": 1,
    }  # fmt: skip
    assert {k: {u: float(t) for u, t in backward.terms[k].items()} for k in given} == {
        "x1": {"a": 4, "d": 1},
        "x2": {"b": 4, "c": 6},
    }
    forward = tangent_graph(lecture_graph(), given, {"x1": jnp.asarray(1.0), "x2": jnp.asarray(10.0)})
    assert {k: float(v) for k, v in forward.derivatives.items()} == {
        "x1": 1, "x2": 10, "a": 4, "b": 44, "c": 30, "d": 61, "y": 105,
    }  # fmt: skip
    assert {k: float(v) for k, v in forward.terms["d"].items()} == {"x1": 1, "c": 60}

    monkeypatch.setattr(graph, "_total", lambda terms, value: next(iter(terms.values()), jnp.zeros_like(value)))
    assert float(reverse_graph(lecture_graph(), given).derivatives["x1"]) != 5.0


def test_graphs_with_vectors_repeated_inputs_and_what_is_not_used() -> None:
    nodes = (
        Node("h", lambda W, x: jnp.tanh(W @ x), ("W", "x")),
        Node("idle", lambda x: 3.0 * x, ("x",)),
        Node("skip", lambda h, x: h + x, ("h", "x")),
        Node("square", lambda one, other: one * other, ("skip", "skip")),
    )
    W, x, u = (jnp.asarray(np.random.default_rng(4).normal(size=shape)) for shape in ((3, 3), (3,), (3,)))
    whole = lambda W, x: (jnp.tanh(W @ x) + x) ** 2  # noqa: E731
    backward = reverse_graph(nodes, {"W": W, "x": x}, u)
    by_W, by_x = jax.vjp(whole, W, x)[1](u)
    close([backward.derivatives["W"], backward.derivatives["x"]], [by_W, by_x])
    np.testing.assert_array_equal(backward.derivatives["idle"], np.zeros(3))
    forward = tangent_graph(nodes, {"W": W, "x": x}, {"x": u})
    close(forward.derivatives["square"], jax.jvp(lambda x: whole(W, x), (x,), (u,))[1])


def _times(name: str, *shape: int) -> Layer:
    return Layer(name, lambda W, x: W @ x, np.ones(shape))


A, SQUARE, V2, V3 = _times("A", 2, 3), _times("A", 3, 3), np.ones(2), np.ones(3)
INTEGER, LOG = Layer("A", lambda W, x: W @ x, np.ones((2, 2), int)), Layer("log", lambda _, x: jnp.log(x))
SINE = (Node("a", jnp.sin, ("x",)),)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: forward_sweep([A, _times("B", 4, 5)], V3), "layer 2 'B' fails at x, of shape (2,): TypeError: "),
        (lambda: reverse_sweep([A], V2), "reverse_sweep: layer 1 'A' fails at x, of shape (2,)"),
        (lambda: reverse_sweep([A], V3), "the last layer, 'A', gives x_1 of shape (2,); cotangent should be given"),
        (lambda: reverse_sweep([A], V3, V3), "cotangent has shape (3,); it should have x_1's, (2,)"),
        (lambda: tangent_sweep([A], V3, V2), "dx has shape (2,); it should have x's, (3,)"),
        (lambda: tangent_sweep([A], V3, V3, {"B": V2}), "dparams names 'B', which is no layer; there are A"),
        (lambda: tangent_sweep([A], V3, V3, {"A": V2}), "dparams['A'] has shape (2,)"),
        (lambda: forward_sweep([], V3), "layers is empty"),
        (lambda: forward_sweep([jnp.sin], V3), "layers[0] is the function sin; it should be a Layer"),
        (lambda: forward_sweep([SQUARE, A], V3), "layer 2 is another one by the name 'A'"),
        (lambda: forward_sweep([INTEGER], V2), "params of layer 1 'A' is int64 of shape (2, 2)"),
        (lambda: forward_sweep([LOG], -V2), "layer 1 'log'(x) is NaN"),
        (lambda: forward_graph(SINE, {"z": 1.0}), "node 'a' uses 'x', which is neither given nor a node before it"),
        (lambda: forward_graph(SINE, {"x": 1.0, "a": 1.0}), "'a' is there twice"),
        (lambda: forward_graph((), {"x": 1.0}), "nodes is empty"),
        (lambda: reverse_graph(SINE, {"x": V2}), "the last node, 'a', has shape (2,)"),
        (lambda: tangent_graph(SINE, {"x": 1.0}, {"a": 1.0}), "tangents names 'a'; what is given is x"),
        (lambda: tangent_graph(SINE, {"x": 1.0}, {"x": V2}), "tangents['x'] has shape (2,)"),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(call: Callable[[], Any], told: str) -> None:
    with pytest.raises(CalculusError) as error:
        call()
    assert told in str(error.value)
    assert "\n" not in str(error.value)
