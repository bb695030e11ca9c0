"""Newton's method, full and damped, against closed forms and plain numpy."""

from __future__ import annotations

import importlib
import itertools
import math
from typing import Any

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from convlab.optimizers._newton_system import newton_system
from tests.optimizers.functions import CASES, follow, follow_tree

NEWTON = importlib.import_module("convlab.optimizers.newton")
DAMPED = importlib.import_module("convlab.optimizers.damped_newton")


def hessian(name: str, x: np.ndarray) -> np.ndarray:
    """Central differences of the gradient written by hand."""
    h = 1e-6
    return np.array(
        [(CASES[name].gradient(x + h * e) - CASES[name].gradient(x - h * e)) / (2 * h) for e in np.eye(x.size)]
    )


@pytest.mark.parametrize("name", ["quadratic", "logistic"])
def test_a_step_solves_the_system(name: str) -> None:
    points, _ = follow_tree(NEWTON.newton(0.5, 0.25), CASES[name], 3)
    for x, moved in itertools.pairwise(points):
        expected = x - 0.5 * np.linalg.solve(hessian(name, x) + 0.25 * np.eye(5), CASES[name].gradient(x))
        np.testing.assert_allclose(moved, expected, rtol=1e-7, atol=1e-8)


def test_newton_solves_a_quadratic_in_one_step() -> None:
    points, _ = follow_tree(NEWTON.newton(), CASES["quadratic"], 1)
    assert np.linalg.norm(CASES["quadratic"].gradient(points[1])) < 1e-14


def test_newton_backtracks_when_it_must() -> None:
    def steep(x: jax.Array) -> jax.Array:  # full Newton diverges from |x| > 1.09 on log cosh
        return jnp.logaddexp(x, -x)

    def after(steps: int, **options: Any) -> float:
        points, _ = follow(NEWTON.newton(1.0, **options), steep, jnp.array(1.5), steps)
        return abs(float(points[-1]))

    assert not after(3) <= 1.5
    assert after(8, backtracking=True) < 1e-8
    # ridge λ: x − tanh(x)/(1 − tanh²(x) + λ)
    assert after(1, ridge=2.0) == pytest.approx(abs(1.5 - np.tanh(1.5) / (1 - np.tanh(1.5) ** 2 + 2.0)), rel=1e-12)


@pytest.mark.parametrize("name", ["quadratic", "logistic"])
def test_a_damped_step_is_the_formula(name: str) -> None:
    points, _ = follow_tree(DAMPED.damped_newton(), CASES[name], 3)
    for x, moved in itertools.pairwise(points):
        g = CASES[name].gradient(x)
        p = np.linalg.solve(hessian(name, x), g)
        np.testing.assert_allclose(moved, x - p / (1 + math.sqrt(g @ p)), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("start", [1e-6, 0.2, 0.99, 1.5, 1e6])
def test_damped_newton_on_x_minus_log_x_is_its_recursion(start: float) -> None:
    """p = x(x − 1), λ = |x − 1|: x₊ = x − x(x − 1)/(1 + |x − 1|), in 50 digits; it never leaves x > 0."""
    points, _ = follow(DAMPED.damped_newton(), lambda x: x - jnp.log(x), jnp.array(start), 40)
    with mpmath.workdps(50):
        x = mpmath.mpf(start)
        for point in points:
            assert float(point) > 0
            assert float(point) == pytest.approx(float(x), rel=1e-10)
            x = x - x * (x - 1) / (1 + abs(x - 1))
    assert float(points[-1]) == pytest.approx(1.0, abs=1e-15)


def test_a_damped_step_brings_what_self_concordance_promises() -> None:
    """f(θ) − f(θ₊) ≥ λ − ln(1 + λ), on −Σ ln(1 − x_i²) + ⟨c, x⟩ in three dimensions."""
    slope = np.array([30.0, -4.0, 0.5])
    points, _ = follow(
        DAMPED.damped_newton(), lambda x: -jnp.sum(jnp.log(1 - x**2)) + jnp.sum(slope * x), jnp.zeros(3), 25
    )
    path = np.array(points)
    values = -np.log(1 - path**2).sum(axis=1) + path @ slope
    for x, value, after in zip(path[:-1], values[:-1], values[1:], strict=True):
        g = 2 * x / (1 - x**2) + slope
        decrement = math.sqrt(np.sum(g**2 * (1 - x**2) ** 2 / (2 + 2 * x**2)))
        assert value - after >= decrement - math.log1p(decrement) - 1e-13
    assert decrement < 1e-14
    assert np.abs(path).max() < 1


@pytest.mark.parametrize("make", [NEWTON.newton, DAMPED.damped_newton])
def test_without_value_fn_it_says_what_it_needs(make: Any) -> None:
    tx, theta = make(), jnp.zeros(2)
    with pytest.raises(ValueError, match=rf"{make.__name__}: .*value_fn=f"):
        tx.update(theta, tx.init(theta), theta)


def test_the_system_is_solved_in_single_precision_for_half_precision() -> None:
    with jax.enable_x64(False):
        theta = {"a": jnp.ones(2, jnp.bfloat16)}
        system = newton_system("x", theta, theta, lambda t: jnp.sum(t["a"] ** 2))
        assert system.direction.dtype == jnp.float32
        assert system.as_params(system.direction)["a"].dtype == jnp.bfloat16
        np.testing.assert_allclose(system.direction, 0.5)
