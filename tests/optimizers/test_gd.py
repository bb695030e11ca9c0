"""Gradient descent, and its two line searches against scipy and plain numpy."""

from __future__ import annotations

import importlib
import itertools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.optimize import brentq, minimize_scalar

from convlab.core.errors import ConvlabError
from tests.optimizers.functions import CASES, START, follow, follow_tree

MODULE = importlib.import_module("convlab.optimizers.gd")
EXACT = MODULE.gd(line_search="exact")


@pytest.mark.parametrize("name", CASES)
def test_a_constant_step_is_the_formula(name: str) -> None:
    points, _ = follow_tree(MODULE.gd(0.4), CASES[name], 30)
    x = START
    for point in points:
        np.testing.assert_allclose(point, x, rtol=1e-12, atol=1e-14)
        x = x - 0.4 * CASES[name].gradient(x)


@pytest.mark.parametrize("name", CASES)
def test_an_exact_search_finds_what_scipy_finds(name: str) -> None:
    case = CASES[name]
    points, _ = follow_tree(EXACT, case, 12)
    for x, moved in itertools.pairwise(points):
        slope = case.gradient(x)
        if np.linalg.norm(slope) < 1e-6:
            break
        found = minimize_scalar(lambda eta, x=x, g=slope: case.value(x - eta * g), bracket=(0, 1), tol=1e-12)
        eta = float((x - moved) @ slope / (slope @ slope))
        assert case.value(moved) <= found.fun + 1e-15 * abs(found.fun)
        root = brentq(lambda eta, x=x, g=slope: case.gradient(x - eta * g) @ g, 0.0, 1e3, xtol=1e-14)
        assert eta == pytest.approx(root, rel=1e-8)


@pytest.mark.parametrize("kappa", [2.0, 50.0, 1e4])
def test_an_exact_search_attains_its_worst_case_in_every_step(kappa: float) -> None:
    """((κ − 1)/(κ + 1))^{2T} on (μx₁² + Lx₂²)/2 from (1/μ, 1/L)."""
    spectrum = jnp.array([3.0, 3.0 * kappa])
    f = lambda x: 0.5 * jnp.sum(spectrum * x**2)  # noqa: E731
    points, _ = follow(EXACT, f, 1 / spectrum, 60)
    first = float(f(points[0]))
    for t, point in enumerate(points):
        assert float(f(point)) == pytest.approx(first * ((kappa - 1) / (kappa + 1)) ** (2 * t), rel=1e-11)


def test_on_a_quadratic_one_newton_step_is_the_search() -> None:
    """η = ⟨g, g⟩/⟨g, Hg⟩, and the second evaluation ends it."""
    generator = np.random.default_rng(3)
    root = generator.normal(size=(6, 6))
    hessian, x = root @ root.T, generator.normal(size=6)
    calls = []

    def f(theta: Any) -> Any:
        jax.debug.callback(lambda _: calls.append(1), theta[0])
        return 0.5 * theta @ hessian @ theta

    g = hessian @ x
    updates, _ = EXACT.update(jnp.asarray(g), EXACT.init(jnp.asarray(x)), jnp.asarray(x), value_fn=f)
    jax.effects_barrier()
    np.testing.assert_allclose(updates, -(g @ g) / (g @ hessian @ g) * g, rtol=1e-14)
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("f", "start", "minimum"),
    [
        (lambda x: jnp.sum(jnp.abs(x)), 3.0, 0.0),  # φ′′ = 0 everywhere, a kink at the minimum
        (lambda x: jnp.maximum(2 * x, -x), -5.0, 0.0),
        (lambda x: x - jnp.log(x), 0.01, 1.0),  # a step of the first Newton size leaves the domain
        (lambda x: x - jnp.log(x), 30.0, 1.0),
        (lambda x: (x - 1) ** 4, 1000.0, 1.0),  # φ′′ = 0 at the minimum
        (lambda x: jnp.cosh(x - 2), 100.0, 2.0),
        (lambda x: jnp.sqrt(1 + x**2), 1e4, 0.0),  # Newton's method alone diverges
        (lambda x: (x - 1e-30) ** 2 * 1e30, 1e-28, 1e-30),
        (lambda x: jnp.where(jnp.abs(x) < 1e-3, x**2 / 2, 1e-3 * jnp.abs(x) - 5e-7), 1e6, 0.0),
    ],
)
def test_an_exact_search_in_one_dimension_is_the_minimum(f: Any, start: float, minimum: float) -> None:
    points, _ = follow(EXACT, f, jnp.array(start), 1)
    assert float(points[1]) == pytest.approx(minimum, rel=1e-5, abs=1e-5 * abs(start) ** 0.5 * 1e-3)
    assert float(f(points[1])) - float(f(jnp.array(minimum))) <= 1e-11 * abs(float(f(points[0])))


def test_a_function_without_a_minimum_diverges_and_a_nan_is_seen() -> None:
    points, _ = follow(EXACT, lambda x: x, jnp.array(1.0), 1)
    assert float(points[1]) < -1e50
    points, _ = follow(EXACT, lambda x: jnp.sqrt(x), jnp.array(-1.0), 1)
    assert math.isnan(float(points[1]))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_an_exact_search_in_less_precision(dtype: str) -> None:
    """A gap of κ = 9 is (0.8)² of the last; rounding may not stop it before its own size."""
    with jax.enable_x64(False):
        spectrum = jnp.array([1.0, 9.0], dtype)
        f = lambda x: 0.5 * jnp.sum(spectrum * x**2)  # noqa: E731
        points, _ = follow(EXACT, f, jnp.array([1.0, 1 / 9], dtype), 20)
        assert points[-1].dtype == jnp.dtype(dtype)
        share = float(f(points[-1])) / float(f(points[0]))
        assert share == pytest.approx(0.64**20, rel=1e-4 if dtype == "float32" else 0.5)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("largest", [0.5, 13.0, 1000.0])
def test_backtracking_is_armijos_rule(name: str, largest: float) -> None:
    case = CASES[name]
    points, _ = follow_tree(MODULE.gd(largest, "backtracking"), case, 15)
    x = START
    for point in points:
        np.testing.assert_allclose(point, x, rtol=1e-9, atol=1e-12)
        slope, eta = case.gradient(x), largest
        if slope @ slope < 1e-12:
            break
        while not case.value(x - eta * slope) <= case.value(x) - 1e-4 * eta * (slope @ slope):
            eta /= 2
        x = x - eta * slope


def test_backtracking_goes_on_after_a_step_that_was_not_to_be_found() -> None:
    """An ascent direction finds no step; the next descent direction does."""
    tx, x = MODULE.gd(1.0, "backtracking"), jnp.array(1.0)
    f = lambda x: x**2 / 2  # noqa: E731
    up, state = tx.update(-x, tx.init(x), x, value_fn=f, grad=x)
    assert abs(float(up)) < 1e-15
    down, _ = tx.update(x, state, x, value_fn=f, grad=x)
    assert float(optax.apply_updates(x, down)) == 0.0


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({}, "step_size is missing"),
        ({"line_search": "backtracking"}, "step_size is missing"),
        ({"step_size": 0.1, "line_search": "exact"}, "leave step_size out"),
        ({"step_size": 0.1, "line_search": "wolfe"}, "allowed: 'exact', 'backtracking'"),
    ],
)
def test_a_mistake_is_one_line(arguments: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConvlabError, match=fault):
        MODULE.gd(**arguments)


def test_traits_say_how_the_step_is_chosen() -> None:
    assert MODULE.traits({}, {"line_search": None}) == {"gradient step", "subgradient step"}
    assert MODULE.traits({}, {"line_search": "exact"}) == {"exact line search step"}
    assert MODULE.traits({}, {"line_search": "backtracking"}) == {"backtracking step"}
