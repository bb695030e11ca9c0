"""Polyak's step against plain numpy, and what it is known to reach."""

from __future__ import annotations

import importlib
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from convlab.core.setting import Hyper
from tests.optimizers.functions import CASES, START, follow, follow_tree

MODULE = importlib.import_module("convlab.optimizers.polyak")


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("risk_star", "scale"), [(0.0, 1.0), (-0.5, 1.0), (0.0, 0.4), (0.02, 1.7)])
def test_a_step_is_the_formula(name: str, risk_star: float, scale: float) -> None:
    case = CASES[name]
    points, _ = follow_tree(MODULE.polyak(risk_star, scale), case, 20)
    x = START
    for point in points:
        np.testing.assert_allclose(point, x, rtol=1e-7, atol=1e-9)
        g = case.gradient(x)
        excess = case.value(x) - risk_star
        x = x - scale * excess / (g @ g) * g if excess > 0 else x


def test_it_converges_linearly_and_comes_ever_closer() -> None:
    """dist² ≤ (1 − μ/(4L))^t dist²_0 on a μ-strongly convex, L-smooth function."""
    spectrum, centre = np.array([1.0, 30.0]), np.array([2.0, -1.0])
    f = lambda x: 0.5 * jnp.sum(spectrum * (x - centre) ** 2)  # noqa: E731
    points, _ = follow(MODULE.polyak(0.0), f, jnp.array([5.0, 1.0]), 200)
    dist2 = np.sum((np.array(points) - centre) ** 2, axis=1)
    assert np.all(np.diff(dist2) <= 1e-15)
    assert np.all(dist2 <= (1 - 1 / 120) ** np.arange(201) * dist2[0])
    assert dist2[-1] < 1e-6 * dist2[0]


def test_on_a_nonsmooth_function_the_best_value_keeps_its_bound() -> None:
    """min over t < T of the gap ≤ GD/√T, on max |x_i| with G = 1."""
    start = np.array([1.0, 0.7, -0.4, 0.2])
    f = lambda x: jnp.max(jnp.abs(x))  # noqa: E731
    points, _ = follow(MODULE.polyak(0.0), f, jnp.asarray(start), 50)
    gaps = np.max(np.abs(np.array(points)), axis=1)
    for T in range(1, 51):
        assert gaps[:T].min() <= np.linalg.norm(start) / math.sqrt(T)


def test_it_stays_at_the_minimum_below_it_and_shows_a_nan() -> None:
    tx, x = MODULE.polyak(1.0), jnp.array([3.0, 4.0])
    for gradient, value in [(jnp.zeros(2), 2.0), (x, 1.0), (x, 0.5)]:
        updates, _ = tx.update(gradient, tx.init(x), x, value=value)
        np.testing.assert_array_equal(updates, 0.0)
    updates, _ = tx.update(x, tx.init(x), x, value=jnp.nan)
    assert np.isnan(updates).all()
    updates, _ = tx.update(x, tx.init(x), x, value=6.0)
    np.testing.assert_allclose(updates, [-0.6, -0.8], rtol=1e-15)


def test_a_value_in_half_precision_is_subtracted_in_single() -> None:
    with jax.enable_x64(False):
        tx, x = MODULE.polyak(0.999), jnp.ones(4, jnp.bfloat16)
        updates, _ = tx.update(x, tx.init(x), x, value=jnp.bfloat16(1.0))
        np.testing.assert_allclose(updates.astype(np.float32), -0.00025, rtol=1e-2)  # 0.999 is 1 in bfloat16


def test_without_the_value_it_says_what_it_needs() -> None:
    tx, x = MODULE.polyak(0.0), jnp.zeros(2)
    with pytest.raises(ValueError, match="value=f"):
        tx.update(x, tx.init(x), x)


def test_only_the_whole_step_has_the_trait() -> None:
    assert MODULE.traits({"risk_star": Hyper("0", 0.0), "scale": Hyper("1.0", 1.0)}, {}) == {"Polyak step"}
    assert MODULE.traits({"risk_star": Hyper("0", 0.0), "scale": Hyper("2.0", 2.0)}, {}) == set()
