"""Taylor's remainder against closed forms and 50 digits, where the plain difference has no digit left."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from convlab.calculus.directional import directional_derivative
from convlab.calculus.remainder import taylor_remainder


@pytest.fixture(autouse=True)
def strict_float64() -> Iterator[None]:
    with jax.enable_x64(True), jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        yield


def test_the_directional_hessian_is_a_quadratic_form_on_any_pytree() -> None:
    A = np.random.default_rng(0).normal(size=(5, 5))
    A = A + A.T

    def f(x: dict[str, jax.Array]) -> jax.Array:
        flat = jnp.concatenate([x["a"], x["b"].reshape(-1)])
        return 0.5 * flat @ jnp.asarray(A) @ flat + jnp.sum(flat)

    e = np.arange(1.0, 6.0)
    point = {"a": jnp.ones(3), "b": jnp.ones((2, 1))}
    direction = {"a": jnp.asarray(e[:3]), "b": jnp.asarray(e[3:]).reshape(2, 1)}
    np.testing.assert_allclose(directional_derivative(f, point, direction, 2), e @ A @ e, rtol=1e-13)


@pytest.mark.parametrize("exponent", range(0, 31, 3))
def test_the_remainder_of_cosh_keeps_its_digits(exponent: int) -> None:
    """cosh(1 + e) − cosh(1) − e sinh(1), e from 1 down to 1e-30."""
    e = 10.0**-exponent
    mpmath.mp.dps = 80
    step = mpmath.mpf(e)
    truth = mpmath.cosh(1 + step) - mpmath.cosh(1) - step * mpmath.sinh(1)
    found = taylor_remainder(lambda x: jnp.cosh(x), jnp.array(1.0), jnp.array(e))
    assert abs(float(found) / float(truth) - 1) < 4e-15


def test_it_differentiates_and_maps() -> None:
    steps = jnp.array([1e-3, 1e-1, 1.0])
    found = jax.vmap(lambda e: taylor_remainder(lambda x: x**4, jnp.array(0.0), e))(steps)
    np.testing.assert_allclose(found, steps**4, rtol=1e-13)
    slope = jax.grad(lambda e: taylor_remainder(lambda x: x**4, jnp.array(0.0), e))(jnp.array(0.5))
    np.testing.assert_allclose(slope, 4 * 0.5**3, rtol=1e-12)
