"""The projected subgradient method against plain numpy, and its bound where it is attained."""

from __future__ import annotations

import importlib
import math
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from tests.optimizers.functions import CASES, START, as_tree, flat, follow, follow_tree

MODULE = importlib.import_module("convlab.optimizers.subgradient")


def onto_ball(theta: Any) -> Any:
    """The nearest point of the unit ball, for a pytree."""
    x = flat(theta)
    return as_tree(x / jnp.maximum(jnp.linalg.norm(x), 1.0))


@pytest.mark.parametrize("name", CASES)
def test_a_projected_step_is_the_formula(name: str) -> None:
    case = CASES[name]
    points, _ = follow_tree(MODULE.subgradient(lambda t: 0.9 / jnp.sqrt(t + 1.0), onto_ball), case, 30)
    x = START
    for t, point in enumerate(points):
        np.testing.assert_allclose(point, x, rtol=1e-11, atol=1e-13)
        x = x - 0.9 / math.sqrt(t + 1) * case.gradient(x)
        x = x / max(np.linalg.norm(x), 1.0)
    if name == "quadratic":  # its minimiser lies outside: where the run ends is stationary on the sphere
        inward = -case.gradient(points[-1])
        assert np.linalg.norm(points[-1]) == pytest.approx(1.0, rel=1e-14)
        assert inward @ points[-1] > 0.99 * np.linalg.norm(inward)


def test_without_a_projection_it_is_gradient_descent() -> None:
    gd = importlib.import_module("convlab.optimizers.gd").gd
    one, _ = follow_tree(MODULE.subgradient(0.3), CASES["huber"], 20)
    other, _ = follow_tree(gd(0.3), CASES["huber"], 20)
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("T", [1, 7, 90])
def test_on_the_absolute_value_it_passes_the_kink_and_comes_back(T: int) -> None:
    """On G|x| with η = D/(G√(T + 1)): the steps keep their length ηG, and the best gap is at most GD/√(T + 1)."""
    G, D = 3.0, 2.0
    eta = D / (G * math.sqrt(T + 1))
    points, _ = follow(MODULE.subgradient(eta), lambda x: G * jnp.abs(x), jnp.array(D), T)
    x = D
    for point in points:
        assert float(point) == pytest.approx(x, abs=1e-12)
        x -= eta * G * float(np.sign(x))
    assert min(G * abs(float(point)) for point in points) <= G * D / math.sqrt(T + 1) * (1 + 1e-12)


def test_a_projection_needs_the_params() -> None:
    tx, x = MODULE.subgradient(0.1, onto_ball), jnp.zeros(2)
    with pytest.raises(ValueError, match="needs params"):
        tx.update(x, tx.init(x))


def test_traits_depend_on_the_projection() -> None:
    assert list(MODULE.TRAITS) == ["subgradient step"]
    assert MODULE.traits({}, {"project": None}) == {"gradient step"}
    assert MODULE.traits({}, {"project": onto_ball}) == set()
