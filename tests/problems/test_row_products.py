"""Xθ of a batch of one row, in every layout of runs: its value, its derivatives, and what it compiles to."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from convlab.problems._row_products import row_products

SEEDS, STEP_SIZES, D = 5, 3, 37


def exact(x: np.ndarray, theta: np.ndarray) -> float:
    return float(sum(Fraction(float(a)) * Fraction(float(b)) for a, b in zip(x, theta, strict=True)))


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def runs(X: Any, theta: Any) -> Any:
    """Seeds outside, step sizes inside, which share their seed's row: the layout of the lab's loop."""
    return jax.vmap(jax.vmap(row_products, (None, 0)))(X, theta)


@pytest.mark.parametrize(
    ("seeds", "step_sizes"),
    [(SEEDS, STEP_SIZES), (SEEDS, 1), (1, STEP_SIZES), (1, 1)],
)
def test_every_layout_of_runs_has_the_products_of_its_own_rows(seeds: int, step_sizes: int) -> None:
    X, theta = numbers(seeds, 1, D), numbers(seeds, step_sizes, D, seed=1)
    found = runs(X, theta)
    assert found.shape == (seeds, step_sizes, 1)
    wanted = [[exact(X[seed, 0], each) for each in theta[seed]] for seed in range(seeds)]
    np.testing.assert_allclose(found[..., 0], wanted, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("axes", [(0, 0), (0, None), (None, 0)])
def test_an_axis_may_belong_to_the_rows_alone_to_theta_alone_or_to_both(axes: tuple[Any, Any]) -> None:
    X, theta = numbers(SEEDS, 1, D), numbers(SEEDS, D, seed=1)
    rows, points = (leaf if axis == 0 else leaf[0] for leaf, axis in zip((X, theta), axes, strict=True))
    found = jax.vmap(row_products, axes)(rows, points)
    wanted = [exact(X[k if axes[0] == 0 else 0, 0], theta[k if axes[1] == 0 else 0]) for k in range(SEEDS)]
    np.testing.assert_allclose(found[:, 0], wanted, rtol=1e-13, atol=1e-13)


def test_several_rows_are_the_plain_product() -> None:
    X, theta = numbers(4, D), numbers(D, seed=1)
    assert str(jax.make_jaxpr(row_products)(X, theta)) == str(jax.make_jaxpr(jnp.matmul)(X, theta))


OLD_SUMS = pytest.mark.skipif(
    jax.__version_info__ >= (0, 12), reason="jax 0.12 sums these by how many runs there are, in the plain form as well"
)
CASES = [(17, "float64"), (30, "float64"), (64, "float64")]
CASES_OF_OLD_SUMS = [(8, "float64"), (16, "float64"), *((d, "float32") for d in (8, 16, 17, 30, 64))]


@pytest.mark.parametrize(("d", "dtype"), [*CASES, *(pytest.param(*case, marks=OLD_SUMS) for case in CASES_OF_OLD_SUMS)])
def test_a_runs_numbers_do_not_depend_on_how_many_runs_there_are(d: int, dtype: str) -> None:
    X, theta = numbers(65, 1, d).astype(dtype), numbers(65, 1, d, seed=1).astype(dtype)
    all_of_them, compiled = jax.jit(runs)(X, theta), jax.jit(runs)
    for count in (2, 3, 9, 33, 64):
        assert np.array_equal(compiled(X[:count], theta[:count]), all_of_them[:count])


@pytest.mark.parametrize("derivative", [jax.jacfwd, jax.jacrev])
def test_first_derivatives_by_both_modes_are_the_row_and_theta(derivative: Any) -> None:
    X, theta = numbers(1, D), numbers(D, seed=1)
    by_row, by_theta = derivative(row_products, (0, 1))(X, theta)
    np.testing.assert_array_equal(by_theta, X)
    np.testing.assert_array_equal(by_row[0, 0], theta)


@pytest.mark.parametrize("seeds", [1, SEEDS])
@pytest.mark.parametrize("outer", [jax.jacfwd, jax.jacrev])
@pytest.mark.parametrize("inner", [jax.jacfwd, jax.jacrev])
def test_second_derivatives_of_exp_of_it_are_its_closed_form(inner: Any, outer: Any, seeds: int) -> None:
    """∇²exp(x·θ) = exp(x·θ) x xᵀ, for each of several runs."""
    X, theta = 0.3 * numbers(seeds, 1, 20), numbers(seeds, 20, seed=1)

    def f(point: Any, row: Any) -> Any:
        return jnp.exp(row_products(row, point)).sum()

    found = jax.vmap(outer(inner(f)))(theta, X)
    for row, point, hessian in zip(X[:, 0], theta, found, strict=True):
        np.testing.assert_allclose(hessian, np.exp(exact(row, point)) * np.outer(row, row), rtol=1e-13)


def primitives(program: Any) -> list[Any]:
    """All equations of a program, those of its inner programs included."""
    found = []
    for equation in program.eqns:
        found.append(equation)
        for value in equation.params.values():
            inner = getattr(value, "jaxpr", value)
            found += primitives(inner) if hasattr(inner, "eqns") else []
    return found


def products(step_sizes: int) -> list[Any]:
    """The products of matrices in values and gradients of all runs."""

    def f(point: Any, row: Any) -> Any:
        return jnp.square(row_products(row, point)).sum()

    def both(X: Any, theta: Any) -> Any:
        return jax.vmap(jax.vmap(jax.value_and_grad(f), (0, None)))(theta, X)

    program = jax.make_jaxpr(both)(numbers(SEEDS, 1, D), numbers(SEEDS, step_sizes, D))
    return [e for e in primitives(program.jaxpr) if e.primitive.name == "dot_general"]


def contracted_in_batches(equations: list[Any]) -> list[Any]:
    """Those that sum over D for one run after the other, and not for all of them in one product."""
    found = []
    for equation in equations:
        (contracted, _), (batched, _) = equation.params["dimension_numbers"]
        left = equation.invars[0].aval.shape
        if batched and any(left[axis] == D for axis in contracted):
            found.append(equation)
    return found


def test_one_row_for_each_run_is_one_product_of_a_matrix_and_a_vector() -> None:
    assert contracted_in_batches(products(step_sizes=1)) == []


def test_a_row_that_step_sizes_share_stays_a_product_of_matrices() -> None:
    assert len(contracted_in_batches(products(step_sizes=STEP_SIZES))) == 1
