"""The best direction of a quadratic on a sphere is known exactly: the search, which sees values only, finds it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

from convlab.calculus.inputs import CalculusError
from convlab.calculus.steepest import SteepestAscent, steepest_ascent


@pytest.fixture(autouse=True)
def strict_float64() -> Iterator[None]:
    with jax.enable_x64(True), jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        yield


class Quadratic:
    """f(x) = bᵀx + ½ xᵀA x around x = 0, where the gradient is b and the Hessian A."""

    def __init__(self, n: int) -> None:
        rng = np.random.default_rng(n)
        A = rng.normal(size=(n, n)) / math.sqrt(n)
        self.A, self.b = A + A.T, rng.normal(size=n)
        self.norm = float(np.linalg.norm(self.A, 2))
        self.slope = float(np.linalg.norm(self.b))

    def __call__(self, x: Any) -> Any:
        return jnp.asarray(self.b) @ x + 0.5 * x @ (jnp.asarray(self.A) @ x)

    def best(self, h: float) -> np.ndarray:
        """The u of length 1 with the largest b·u + (h/2) uᵀA u: (λ − h A)u = b with λ above all of h A's eigenvalues
        (the trust-region equation), here solved in A's eigenbasis."""
        values, vectors = np.linalg.eigh(h * self.A)
        along = vectors.T @ self.b

        def excess(gap: float) -> float:
            return float(np.sum((along / (values[-1] + gap - values)) ** 2) - 1.0)

        gap = scipy.optimize.brentq(excess, 1e-9, 2 * self.slope + values[-1] - values[0], xtol=1e-15, rtol=1e-14)
        u = vectors @ (along / (values[-1] + gap - values))
        return np.asarray(u / np.linalg.norm(u))


def angle(u: np.ndarray, v: np.ndarray) -> float:
    return 2 * math.asin(min(1.0, float(np.linalg.norm(u - v)) / 2))


@pytest.mark.parametrize(("n", "h"), [(2, 1e-1), (2, 1e-4), (3, 1e-2), (5, 1e-1), (10, 1e-1), (10, 1e-3), (10, 1e-6)])
def test_it_finds_the_best_direction_of_a_quadratic_from_values(n: int, h: float) -> None:
    """Within the resolution, once for each of the n − 1 planes that are searched in turn; a round that turns no more
    than twice the resolution is the last."""
    f = Quadratic(n)
    found = steepest_ascent(f, np.zeros(n), radius=h)
    assert found.resolution < 1e-7  # |f| is about h‖∇f‖ here, which leaves √(4 ε) and what curvature adds
    allowed = 3 * math.sqrt(n - 1) * found.resolution
    assert angle(found.measured, f.best(h)) < allowed
    np.testing.assert_allclose(found.gradient, f.b / f.slope, rtol=1e-14)
    assert abs(np.linalg.norm(found.measured) - 1) < 1e-14
    # the angle from the gradient is of order h, and which: h‖(I − ggᵀ)A g‖/‖b‖, up to 2(h‖A‖/‖b‖)²
    g = found.gradient
    turned = float(np.linalg.norm(f.A @ g - (g @ f.A @ g) * g)) / f.slope
    assert abs(found.angle - h * turned) < 2 * (h * f.norm / f.slope) ** 2 + allowed
    # what increases: h‖∇f‖ cos φ, up to ½h²‖A‖ and rounding, and never less than along the gradient
    slack = 0.5 * h**2 * f.norm
    assert abs(found.increase - h * f.slope * math.cos(found.angle)) < slack + 1e-15
    assert found.increase >= found.gradient_increase - 1e-16
    assert abs(found.slope - f.slope) < 1e-14


@pytest.mark.parametrize("n", [2, 10])
def test_no_random_direction_increases_more_than_the_gradient(n: int) -> None:
    """f(x + hu) ≤ f(x) + h‖∇f‖ + ½h²‖A‖ for all u, and along the gradient it is at least h‖∇f‖ − ½h²‖A‖."""
    f, h = Quadratic(n), 1e-3
    found = steepest_ascent(f, np.zeros(n), radius=h)
    u = np.random.default_rng(99).normal(size=(10_000, n))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    increases = h * u @ f.b + 0.5 * h**2 * np.einsum("ki,ij,kj->k", u, f.A, u)
    along = h * f.slope + 0.5 * h**2 * found.gradient @ f.A @ found.gradient
    assert abs(found.gradient_increase - along) < 1e-15
    assert np.max(increases) <= along + h**2 * f.norm
    assert np.max(increases) <= found.increase + 1e-15


def test_the_angle_vanishes_with_the_radius_until_rounding() -> None:
    f = Quadratic(3)
    angles = [steepest_ascent(f, np.zeros(3), radius=10.0**-k).angle for k in (1, 2, 3)]
    orders = np.log10(np.array(angles[:-1]) / np.array(angles[1:]))
    np.testing.assert_allclose(orders, 1.0, atol=0.15)
    tiny = steepest_ascent(lambda x: 1.0 + f(x), np.zeros(3), radius=1e-9)
    assert 1e-4 < tiny.resolution < 1e-3
    assert tiny.angle < 3 * math.sqrt(2) * tiny.resolution


def test_a_wrong_gradient_is_found_out() -> None:
    """The search asks for no derivative: a custom rule that swaps the entries of ∇f leaves ``measured`` as it is."""

    @jax.custom_jvp
    def f(x: Any) -> Any:
        return 3.0 * x[0] + 4.0 * x[1]

    f.defjvp(lambda primals, tangents: (f(*primals), 4.0 * tangents[0][0] + 3.0 * tangents[0][1]))
    found = steepest_ascent(f, [1.0, 1.0], radius=1e-2)
    np.testing.assert_allclose(found.measured, [0.6, 0.8], atol=2 * found.resolution)
    assert abs(found.angle - math.acos(0.96)) < 2 * found.resolution
    assert found.increase > found.gradient_increase * 1.04


def test_other_shapes_one_dimension_and_far_away() -> None:
    one = steepest_ascent(lambda x: -jnp.exp(x[0]), [0.0])
    assert (one.measured.tolist(), one.angle) == ([-1.0], 0.0)
    matrix = steepest_ascent(lambda x: jnp.sum(jnp.asarray([[1.0, 2.0], [2.0, 0.0]]) * x), np.zeros((2, 2)), radius=1.0)
    np.testing.assert_allclose(matrix.measured, np.array([[1, 2], [2, 0]]) / 3, atol=4 * matrix.resolution)
    # f = x² + x₂/10 at a distance of 3: the best direction is near ±e₁, where the gradient, e₂, points elsewhere
    far = steepest_ascent(lambda x: x[0] ** 2 + 0.1 * x[1], np.zeros(2), radius=3.0)
    np.testing.assert_allclose(abs(far.measured[0]), math.sqrt(1 - (0.1 / 6) ** 2), rtol=1e-6)  # 0.1 = 2·3·u₂
    np.testing.assert_array_equal(far.gradient, [0.0, 1.0])
    assert "degrees between the direction of the largest increase" in str(far)
    again = [steepest_ascent(Quadratic(4), np.zeros(4), seed=seed) for seed in (3, 3, 4)]
    assert [each.measured.tolist() == again[0].measured.tolist() for each in again] == [True, True, False]


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: steepest_ascent(lambda x: jnp.sum(x**2), np.zeros(3)), "x is stationary to rounding, ‖∇f(x)‖ = 0:"),
        (lambda: steepest_ascent(lambda x: 1.0 + jnp.sum(x**2), np.full(3, 1e-14)), "‖∇f(x)‖ = 3.5e-14"),
        (lambda: steepest_ascent(lambda x: x, np.ones(2)), "f(x) has shape (2,); it should be a scalar"),
        (lambda: steepest_ascent(jnp.sum, np.ones(2), radius=0.0), "radius = 0; it should be positive and finite"),
        (lambda: steepest_ascent(jnp.sum, np.ones(2), radius=np.ones(2)), "radius has shape (2,); it should have ()"),
        (lambda: steepest_ascent(jnp.sum, np.ones(2, int)), "x is int64 of shape (2,)"),
        (lambda: steepest_ascent(lambda x: jnp.sum(jnp.log(x)), np.ones(2), radius=1.5), "f is not finite everywhere"),
        (lambda: steepest_ascent(lambda x: jnp.sqrt(x[0]), np.zeros(2)), "∇f(x) is not finite"),
        (lambda: jax.jit(lambda x: steepest_ascent(jnp.sum, x).slope)(jnp.ones(2)), "x is traced"),
        (lambda: steepest_ascent(jnp.sum, np.ones(2), seed=-1), "seed = -1; it should be a whole number"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_in_one_line(call: Callable[[], SteepestAscent], told: str) -> None:
    with pytest.raises(CalculusError) as error:
        call()
    assert told in str(error.value)
    assert "\n" not in str(error.value)
