"""Expectations of functions of Gaussian variables: exact for polynomials, whose moments are counted by pairings."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from convlab.calculus import expectation as module
from convlab.calculus.expectation import gauss_hermite_expectation, taylor_expectation
from convlab.calculus.inputs import CalculusError


def pairings(indices: tuple[int, ...]) -> Iterator[list[tuple[int, int]]]:
    """Every way to pair the positions: Isserlis' theorem sums over them."""
    if not indices:
        yield []
        return
    first, rest = indices[0], indices[1:]
    for k, other in enumerate(rest):
        for others in pairings(rest[:k] + rest[k + 1 :]):
            yield [(first, other), *others]


def moment(powers: tuple[int, ...], covariance: np.ndarray) -> float:
    """E Π z_i^powers_i for z ~ N(0, Σ), by enumeration of the pairings."""
    spots = tuple(itertools.chain.from_iterable([i] * power for i, power in enumerate(powers)))
    if len(spots) % 2:
        return 0.0
    return sum(
        math.prod(covariance[spots[a], spots[b]] for a, b in pairing) for pairing in pairings(tuple(range(len(spots))))
    )


def expectation_of(powers: tuple[int, ...], mean: np.ndarray, covariance: np.ndarray) -> float:
    """E Π (μ_i + z_i)^powers_i, by the binomial theorem and the central moments."""
    total = 0.0
    for chosen in itertools.product(*(range(power + 1) for power in powers)):
        factor = math.prod(math.comb(p, c) * m ** (p - c) for p, c, m in zip(powers, chosen, mean, strict=True))
        total += factor * moment(chosen, covariance)
    return total


MEAN = np.array([0.5, -1.0, 0.25])
ROOT = np.array([[0.6, 0.0, 0.0], [0.3, 0.5, 0.0], [-0.2, 0.4, 0.3]])
SIGMA = ROOT @ ROOT.T
MONOMIALS = (
    (1, 0, 0),
    (2, 0, 0),
    (1, 1, 0),
    (1, 1, 2),
    (4, 0, 0),
    (2, 2, 2),
    (1, 2, 3),
    (0, 0, 6),
    (3, 1, 0),
    (5, 1, 0),
)


def polynomials(x: jax.Array) -> jax.Array:
    """Ten monomials at once: f: R³ → R¹⁰."""
    return jnp.stack([x[0] ** a * x[1] ** b * x[2] ** c for a, b, c in MONOMIALS])


def check_polynomials(order: int) -> None:
    """Exact where the degree is at most the order (or one more, as odd moments vanish only about the mean)."""
    found = np.asarray(taylor_expectation(polynomials, MEAN, SIGMA, order))
    for value, powers in zip(found, MONOMIALS, strict=True):
        if sum(powers) <= order:
            assert value == pytest.approx(expectation_of(powers, MEAN, SIGMA), rel=1e-12)


@pytest.mark.parametrize("order", [0, 1, 2, 3, 4, 6])
def test_it_is_exact_for_polynomials_of_degree_up_to_the_order(order: int) -> None:
    check_polynomials(order)


def test_a_missing_factorial_is_caught(monkeypatch: Any) -> None:
    monkeypatch.setattr(module.math, "factorial", lambda k: 1)
    with pytest.raises(AssertionError):
        check_polynomials(4)
    monkeypatch.undo()


def test_higher_degrees_are_not_exact() -> None:
    """E x⁶ of N(0, 1) is 15: order 4 gives 0, since D⁶ alone is not 0 at the mean."""
    assert [float(taylor_expectation(lambda x: x**6, 0.0, 1.0, order)) for order in (4, 5, 6, 8)] == [0, 0, 15, 15]


def test_one_variable_and_degenerate_covariances() -> None:
    assert float(taylor_expectation(lambda x: x**4, 1.0, 4.0, 4)) == pytest.approx(1 + 6 * 4 + 3 * 16, rel=1e-14)
    assert float(taylor_expectation(jnp.exp, 0.3, 0.0, 6)) == pytest.approx(math.exp(0.3), rel=1e-15)
    flat = np.outer([1.0, 2.0], [1.0, 2.0])  # x = z·(1, 2): E x1² x2² = 4 E z⁴ = 12
    found = taylor_expectation(lambda x: x[0] ** 2 * x[1] ** 2, np.zeros(2), flat, 4)
    assert float(found) == pytest.approx(12.0, rel=1e-12)


def test_quadrature_is_that_of_scipy_and_of_closed_forms() -> None:
    density = stats.norm(0.5, 0.7)
    exact = integrate.quad(lambda x: np.logaddexp(x, 0) * density.pdf(x), -8, 9, epsabs=1e-13, limit=200)[0]
    assert float(gauss_hermite_expectation(jax.nn.softplus, 0.5, 0.49, 60)) == pytest.approx(exact, rel=1e-12)
    a = np.array([0.3, -0.2, 0.5])
    exact = math.exp(a @ MEAN + 0.5 * a @ SIGMA @ a)
    found = gauss_hermite_expectation(lambda x: jnp.exp(jnp.asarray(a) @ x), MEAN, SIGMA, 20)
    assert float(found) == pytest.approx(exact, rel=1e-13)
    found = gauss_hermite_expectation(polynomials, MEAN, SIGMA, 4)  # degree 7 in each coordinate
    np.testing.assert_allclose(found, [expectation_of(powers, MEAN, SIGMA) for powers in MONOMIALS], rtol=1e-12)


def test_what_f_reads_may_change_and_a_singular_float32_covariance_is_one() -> None:
    weight = [1.0]

    def f(x: jax.Array) -> jax.Array:
        return weight[0] * x**2

    assert float(taylor_expectation(f, 0.0, 1.0, 2)) == 1.0
    weight[0] = 5.0
    assert float(taylor_expectation(f, 0.0, 1.0, 2)) == 5.0
    assert float(gauss_hermite_expectation(f, 0.0, 1.0)) == pytest.approx(5.0, rel=1e-13)
    a = np.array([0.3, 0.7, -1.1], np.float32)
    found = taylor_expectation(lambda x: jnp.sum(x * x), np.zeros(3, np.float32), np.outer(a, a), 2)
    assert float(found) == pytest.approx(float(a @ a), rel=1e-5)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: taylor_expectation(jnp.sum, np.zeros(0), np.zeros((0, 0)), 2), "mean of shape (0,) holds no number"),
        (
            lambda: taylor_expectation(polynomials, MEAN, np.diag([1.0, -0.25, 2.0]), 2),
            "covariance is not positive semidefinite: its least eigenvalue is -0.25",
        ),
        (lambda: taylor_expectation(jnp.exp, 0.0, -1.0, 2), "its least eigenvalue is -1"),
        (lambda: taylor_expectation(polynomials, MEAN, np.eye(2), 2), "shape (2, 2); it should have (3, 3)"),
        (lambda: taylor_expectation(polynomials, MEAN, np.triu(np.ones((3, 3))), 2), "covariance is not symmetric"),
        (lambda: taylor_expectation(polynomials, np.ones((3, 1)), np.eye(3), 2), "mean has shape (3, 1)"),
        (lambda: taylor_expectation(jnp.exp, 0.0, np.inf, 2), "numbers that are not finite"),
        (lambda: taylor_expectation(jnp.exp, 0.0, 1.0, 9), "order = 9; it should be a whole number from 0 to 8"),
        (lambda: gauss_hermite_expectation(jnp.sum, np.zeros(9), np.eye(9), 20), "nodes = 4 would do"),
    ],
)
def test_a_mistake_is_one_line(call: Any, told: str) -> None:
    with pytest.raises(CalculusError) as caught:
        call()
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
