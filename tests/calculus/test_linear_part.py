"""The Hessian through the linear part against `jax.hessian`, and what has no such part."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from convlab.calculus import linear_part
from convlab.calculus._weighted_gram import weighted_gram
from convlab.calculus.linear_part import hessian_of_vector, hessian_through_linear_part
from convlab.problems._glm import least_squares_risk, logistic_risk, softplus
from tests.running import run

N, D = 50, 12
RNG = np.random.default_rng(7)
X, Y, W = RNG.standard_normal((N, D)), np.sign(RNG.standard_normal(N)), RNG.random(N)
POINT = RNG.standard_normal(D)
RIDGE = {"ridge": np.array(0.3)}


def _huber(z):
    return jnp.where(jnp.abs(z) < 1.0, 0.5 * z**2, jnp.abs(z) - 0.5)


def _squares(t):
    z = X @ t
    return 0.5 * jnp.vdot(z, z) / N


WITH = {
    "logistic": lambda t: logistic_risk(t, (X, Y), RIDGE),
    "least squares": lambda t: least_squares_risk(t, (X, Y), RIDGE),
    "no penalty": lambda t: jnp.sum(jnp.tanh(X @ t)),
    "x on the left": lambda t: jnp.mean(jnp.exp(0.1 * (t @ X.T) - Y)),
    "weights": lambda t: jnp.vdot(W, softplus(X @ t)),
    "a product with itself": _squares,
    "two pieces": lambda t: jnp.mean(_huber(X @ t - Y)),
    "a penalty of any kind": lambda t: jnp.mean(softplus(X @ t)) - 2.0 * jnp.prod(t) / 3.0 + jnp.sum(jnp.exp(t)),
    "a jitted part, scaled": lambda t: 3.0 * jax.jit(lambda z: -jnp.mean(softplus(z)))(X @ t) / 7.0,
    "a custom derivative": lambda t: jnp.mean(jax.nn.relu(X @ t) ** 2),
}
WITHOUT = {
    "no matrix": lambda t: jnp.sum(t**4),
    "a function of the sum": lambda t: jnp.log(jnp.sum(jnp.exp(X @ t))),
    "a product of sums": lambda t: jnp.mean(jnp.tanh(X @ t)) * jnp.mean(X @ t),
    "a factor of x": lambda t: jnp.mean(jnp.tanh(X @ t)) * jnp.sum(t),
    "the square of the sum": lambda t: jnp.mean(jnp.tanh(X @ t)) ** 2,
    "over the sum": lambda t: 1.0 / (3.0 + jnp.mean(jnp.tanh(X @ t))),
    "entries that meet": lambda t: jnp.sum(jnp.cumsum(X @ t) ** 2),
    "neighbours": lambda t: jnp.sum((X @ t)[1:] * (X @ t)[:-1]),
    "two layers": lambda t: jnp.sum(jnp.tanh(X.T @ jnp.tanh(X @ t))),
    "two matrices": lambda t: jnp.sum(jnp.tanh(X @ t)) + jnp.sum(jnp.tanh(2.0 * X @ t)),
    "x within the loss": lambda t: jnp.mean(softplus(X @ t + t[0])),
    "not of x itself": lambda t: jnp.mean(softplus(X @ (2.0 * t))),
    "a loop": lambda t: jax.lax.fori_loop(0, 3, lambda i, s: s + jnp.sum(jnp.tanh(X @ t)), 0.0),
}


@pytest.fixture
def usual_promotion():
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


@pytest.mark.parametrize("name", WITH)
def test_equal_to_the_general_hessian(name: str) -> None:
    f = WITH[name]
    found = hessian_through_linear_part(f, POINT)
    assert found is not None
    general = jax.hessian(f)(POINT)
    np.testing.assert_allclose(found, general, rtol=0, atol=1e-14 * float(jnp.abs(general).max()))


@pytest.mark.parametrize("name", WITHOUT)
def test_no_linear_part_no_shortcut(name: str) -> None:
    f = WITHOUT[name]
    assert hessian_through_linear_part(f, POINT) is None
    np.testing.assert_array_equal(hessian_of_vector(f, POINT), jax.jacfwd(jax.jacrev(f))(POINT))


def test_within_jit_and_vmap_and_in_float32() -> None:
    f = WITH["logistic"]
    points = np.stack([POINT, 2.0 * POINT])
    both = jax.jit(jax.vmap(functools.partial(hessian_of_vector, f)))(points)
    np.testing.assert_allclose(both, jax.vmap(jax.hessian(f))(points), rtol=1e-12, atol=1e-15)
    single = jax.tree.map(lambda leaf: leaf.astype(np.float32), (X, Y))
    small = hessian_through_linear_part(
        lambda t: logistic_risk(t, single, {"ridge": np.float32(0.3)}), POINT.astype("f4")
    )
    assert small.dtype == jnp.float32
    np.testing.assert_allclose(small, both[0], rtol=1e-5, atol=1e-6)


def test_one_product_of_matrices_instead_of_two() -> None:
    """The causes of speed: no product of X with a d×d matrix of directions remains."""
    f = WITH["logistic"]

    def operations(way) -> float:
        return jax.jit(way).lower(POINT).cost_analysis()["flops"]

    once = 2.0 * N * D**2
    assert operations(functools.partial(hessian_through_linear_part, f)) < 1.6 * once
    assert operations(jax.hessian(f)) > 2.0 * once


@pytest.mark.parametrize(("n", "d"), [(1, 1), (255, 3), (256, 95), (257, 96), (700, 100), (3, 400)])
def test_a_weighted_gram_matrix_by_blocks_against_numpy(n: int, d: int) -> None:
    """Rows and columns that fill their blocks and that do not, weights of both signs; a wide result is symmetric."""
    A, w = RNG.standard_normal((n, d)), RNG.standard_normal(n)
    found = np.asarray(jax.jit(weighted_gram)(A, w))
    size = np.abs(A).T @ (np.abs(w)[:, None] * np.abs(A))
    assert (np.abs(found - A.T @ (w[:, None] * A)) <= 2 * (n + 2) * 2.0**-53 * size).all()  # two orders of summation
    if d >= 96:
        np.testing.assert_array_equal(found, found.T)


def test_a_weighted_gram_matrix_needs_no_copy_of_its_rows() -> None:
    """Temporary memory stays below the matrix's own: of blocks, and of the result."""
    A, w = jax.ShapeDtypeStruct((20_000, 100), np.float64), jax.ShapeDtypeStruct((20_000,), np.float64)
    needed = jax.jit(weighted_gram).lower(A, w).compile().memory_analysis().temp_size_in_bytes
    assert needed < 20_000 * 100 * 8 / 8


@pytest.mark.usefixtures("usual_promotion")
def test_newton_takes_it_and_arrives_at_the_same_points(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = {"name": "logistic", "data": "synthetic", "n": 30, "dimension": 3, "ridge": 0.05}
    taken = []
    whole = linear_part.hessian_through_linear_part
    monkeypatch.setattr(linear_part, "hessian_through_linear_part", lambda f, x: taken.append(whole(f, x)) or taken[-1])
    fast = run(problem, [{"name": "newton"}], horizon=4, every_step=True)[0].measured["last"]["dist2"]
    assert taken
    assert all(found is not None for found in taken)
    monkeypatch.setattr(linear_part, "hessian_through_linear_part", lambda f, x: None)
    jax.clear_caches()
    general = run(problem, [{"name": "newton"}], horizon=4, every_step=True)[0].measured["last"]["dist2"]
    np.testing.assert_allclose(fast, general, rtol=1e-6, atol=1e-29)
