"""Gradient, Jacobian, Hessian and their products against closed forms; a wrong order of indices is caught."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from convlab.calculus import derivatives
from convlab.calculus.derivatives import (
    flatten_jacobian,
    gradient,
    hessian,
    hessian_vector_product,
    jacobian,
    jacobian_vector_product,
    tensor_jacobian,
    unflatten_jacobian,
    value_and_gradient,
    vector_jacobian_product,
)
from convlab.calculus.inputs import CalculusError

A = np.arange(12.0).reshape(4, 3) / 7 - 0.5
C = np.array([[1.0, -2.0], [0.5, 3.0], [2.0, 0.25]])


def product(B: jax.Array) -> jax.Array:
    """A B C: 4×3 by 3×3 by 3×2."""
    return jnp.asarray(A) @ B @ jnp.asarray(C)


def product_jacobian() -> np.ndarray:
    """∂(ABC)_ij/∂B_kl = A_ik C_lj, entry by entry."""
    J = np.zeros((4, 2, 3, 3))
    for i, j, k, m in itertools.product(range(4), range(2), range(3), range(3)):
        J[i, j, k, m] = A[i, k] * C[m, j]
    return J


def two(x: jax.Array) -> jax.Array:
    return jnp.stack([x[0] ** 2 * x[1] + x[2] ** 3, jnp.exp(x[0]) * x[2]])


def two_hessian(x: np.ndarray) -> np.ndarray:
    a, b, c = x
    e = np.exp(a)
    return np.array(
        [[[2 * b, 2 * a, 0], [2 * a, 0, 0], [0, 0, 6 * c]], [[e * c, 0, e], [0, 0, 0], [e, 0, 0]]], dtype=float
    )


def check_orders() -> None:
    """Shapes and entries of everything that has more than one index. Every length differs, but where it cannot."""
    B, x = np.linspace(-1.0, 1.0, 9).reshape(3, 3), np.array([0.5, -1.5, 2.0])
    for mode in ("auto", "forward", "reverse"):
        np.testing.assert_allclose(tensor_jacobian(product, B, mode), product_jacobian(), rtol=1e-14, atol=1e-15)
    rows = jacobian(two, x)
    e = np.exp(0.5)
    np.testing.assert_allclose(rows, [[-1.5, 0.25, 12.0], [e * 2, 0, e]], rtol=1e-14)
    found = hessian(two, x)
    assert found.shape == (2, 3, 3)
    np.testing.assert_allclose(found, two_hessian(x), rtol=1e-14)
    matrix = flatten_jacobian(product_jacobian(), (4, 2))
    np.testing.assert_allclose(matrix, np.kron(A, C.T), rtol=1e-15)  # vec of ABC, row by row
    np.testing.assert_array_equal(unflatten_jacobian(matrix, (4, 2), (3, 3)), product_jacobian())


def test_outputs_come_first() -> None:
    check_orders()


@pytest.mark.parametrize("swap", [(1, 0, 2, 3), (0, 1, 3, 2), (2, 3, 0, 1), (0, 2, 1, 3)])
def test_a_wrong_order_of_the_tensors_indices_is_caught(swap: tuple[int, ...], monkeypatch: Any) -> None:
    right = jacobian
    monkeypatch.setattr(derivatives, "jacobian", lambda f, x, mode="auto": jnp.transpose(right(f, x, mode), swap))
    with pytest.raises(AssertionError):
        check_orders()


@pytest.mark.parametrize("swap", [(1, 0, 2), (2, 1, 0), (1, 2, 0)])
def test_inputs_first_in_the_hessian_is_caught(swap: tuple[int, ...], monkeypatch: Any) -> None:
    right = hessian
    monkeypatch.setitem(globals(), "hessian", lambda f, x: jnp.transpose(right(f, x), swap))
    with pytest.raises(AssertionError):
        check_orders()


def test_the_example_of_the_lecture() -> None:
    """f = x1² x2 + x1 x2³: ∂f/∂x1 = 2 x1 x2 + x2³, ∂f/∂x2 = x1² + 3 x1 x2²; the gradient is one row."""
    value, row = value_and_gradient(lambda x: x[0] ** 2 * x[1] + x[0] * x[1] ** 3, [2.0, -1.0])
    assert float(value) == -6.0
    assert row.shape == (2,)
    np.testing.assert_array_equal(row, [-5.0, 10.0])


def test_pytrees_keep_their_structure() -> None:
    x = {"w": jnp.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), "b": jnp.array([0.5, -0.5])}

    def f(x: Any) -> Any:
        return {"y": x["w"] @ x["b"], "z": jnp.sum(x["w"] ** 2)}

    J = jacobian(f, x)
    np.testing.assert_allclose(J["y"]["b"], x["w"])
    np.testing.assert_allclose(J["y"]["w"], np.einsum("ik,l->ikl", np.eye(3), x["b"]))
    np.testing.assert_allclose(J["z"]["w"], 2 * x["w"])
    assert gradient(lambda x: f(x)["z"], x)["b"].shape == (2,)
    H = hessian(lambda x: f(x)["z"] + jnp.sum(f(x)["y"]), x)
    assert H["w"]["b"].shape == (3, 2, 2)
    np.testing.assert_allclose(H["w"]["b"], np.broadcast_to(np.eye(2), (3, 2, 2)))
    v = jax.tree.map(jnp.ones_like, x)
    along = jacobian_vector_product(f, x, v)
    np.testing.assert_allclose(along["y"], np.sum(x["w"], axis=1) + np.sum(x["b"]))
    row = vector_jacobian_product(f, x, {"y": jnp.array([1.0, 0.0, -1.0]), "z": jnp.array(2.0)})
    np.testing.assert_allclose(row["b"], x["w"][0] - x["w"][2])
    np.testing.assert_allclose(
        hessian_vector_product(lambda x: f(x)["z"] + jnp.sum(f(x)["y"]), x, v)["w"], 2 + np.ones((3, 2))
    )


def test_products_need_no_matrix() -> None:
    """A million inputs: the products are as quick as f; the matrix of their square would hold 8 TB."""
    x = np.linspace(0.0, 1.0, 10**6)
    f: Callable[[jax.Array], jax.Array] = lambda x: jnp.sum(jnp.sin(x) * jnp.roll(x, 1))  # noqa: E731
    v = np.cos(7 * x)
    expected = -np.sin(x) * np.roll(x, 1) * v + np.cos(x) * np.roll(v, 1) + np.roll(np.cos(x) * v, -1)
    np.testing.assert_allclose(hessian_vector_product(f, x, v), expected, rtol=1e-12, atol=1e-14)
    one = float(jacobian_vector_product(f, x, v))
    assert one == pytest.approx(float(np.asarray(gradient(f, x)) @ v), rel=1e-12)


def test_they_work_under_jit_and_vmap() -> None:
    points = np.random.default_rng(0).normal(size=(5, 3))
    found = jax.jit(jax.vmap(lambda x: hessian(two, x)))(points)
    np.testing.assert_allclose(found, np.stack([two_hessian(x) for x in points]), rtol=1e-13, atol=1e-14)


def test_mode_by_shape_takes_the_fewer_sweeps() -> None:
    """Forward for a curve, reverse for a scalar function; the other mode would fail here."""

    @jax.custom_vjp
    def only_reverse(x: jax.Array) -> jax.Array:
        return jnp.sum(x)

    only_reverse.defvjp(lambda x: (jnp.sum(x), x), lambda x, u: (u * jnp.ones_like(x),))
    np.testing.assert_array_equal(jacobian(only_reverse, np.zeros(3)), np.ones(3))
    np.testing.assert_array_equal(jacobian(only_reverse, np.zeros(1)), np.ones(1))  # not by forward mode, the cheaper
    with pytest.raises(CalculusError, match="jacobian_vector_product: jax cannot differentiate f like that"):
        jacobian_vector_product(only_reverse, np.zeros(3), np.ones(3))

    def only_forward(x: jax.Array) -> jax.Array:  # doubles until it is large
        return jax.lax.while_loop(lambda s: s < 10.0, lambda s: 2 * s, jnp.sum(x))

    np.testing.assert_array_equal(jacobian(only_forward, np.ones(3)), 4 * np.ones(3))
    with pytest.raises(CalculusError, match="gradient: jax cannot differentiate f like that"):
        gradient(only_forward, np.ones(3))
    assert jacobian(lambda t: jnp.stack([jnp.cos(t), jnp.sin(t), t]), 0.0).tolist() == [0.0, 1.0, 1.0]


def nan(x: jax.Array) -> jax.Array:
    return jnp.log(jnp.sum(x))


MISTAKES: dict[str, tuple[Callable[[], Any], str]] = {
    "integers": (lambda: gradient(jnp.sum, np.arange(3)), "gradient: x is int64 of shape (3,); it should be real"),
    "a whole number": (lambda: gradient(lambda x: x**2, 3), "write 1.0 for 1"),
    "complex": (lambda: gradient(jnp.sum, np.array([1j])), "x is complex128 of shape (1,)"),
    "several outputs": (lambda: gradient(two, np.ones(3)), "f(x) has shape (2,); it should be a scalar, shape ()"),
    "a Python number": (lambda: gradient(lambda x: 3.0, 1.0), "f(x) is a Python float; it should be a JAX array"),
    "nothing": (lambda: jacobian(lambda x: None, 1.0), "f(x) is nothing, None"),
    "an integer result": (lambda: jacobian(lambda x: jnp.argmax(x), np.ones(3)), "f(x) is int"),
    "NaN": (lambda: gradient(nan, np.array([-2.0, 1.0])), "f(x) is NaN; x should lie where f is defined"),
    "math": (lambda: gradient(lambda x: float(x) ** 2, 1.0), "use jax.numpy"),
    "a wrong shape": (lambda: jacobian(product, np.ones((2, 3))), "jacobian: f fails at x, of shape (2, 3): TypeError"),
    "v": (lambda: jacobian_vector_product(two, np.ones(3), np.ones(2)), "v has shape (2,); it should have x's, (3,)"),
    "u": (
        lambda: vector_jacobian_product(two, np.ones(3), np.ones(3)),
        "u has shape (3,); it should have f(x)'s, (2,)",
    ),
    "a tree": (
        lambda: jacobian_vector_product(two, np.ones(3), {"a": np.ones(3)}),
        "v is a tree of ['a'] (3,); it should be like x, of shape (3,)",
    ),
    "a vector's H v": (lambda: hessian_vector_product(two, np.ones(3), np.ones(3)), "it should be a scalar"),
    "mode": (lambda: jacobian(two, np.ones(3), "backward"), "mode is the text 'backward'"),  # type: ignore[arg-type]
    "flatten": (lambda: flatten_jacobian(np.ones((2, 3)), (3,)), "J has shape (2, 3); it should begin with"),
    "a length for a shape": (lambda: flatten_jacobian(np.ones((2, 3)), 5), "output_shape is 5; it should be a shape"),  # type: ignore[arg-type]
    "unflatten": (lambda: unflatten_jacobian(np.ones((2, 3)), (2,), (4,)), "shape (2, 3); it should have (2, 4)"),
    "no function": (lambda: gradient(3.0, 1.0), "f is a float, not a function"),  # type: ignore[arg-type]
    "a tensor of trees": (lambda: tensor_jacobian(lambda x: (x, x), 1.0), "it should be one array"),
    "text": (lambda: gradient(jnp.sum, "abc"), "x is the text 'abc'"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_line(case: str) -> None:
    call, told = MISTAKES[case]
    with pytest.raises(CalculusError) as caught:
        call()
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
