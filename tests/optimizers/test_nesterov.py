"""Accelerated gradient against its recursion in plain numpy, and what it attains on the hardest functions."""

from __future__ import annotations

import importlib
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from convlab.core.errors import ConvlabError
from tests.optimizers.functions import CASES, START, follow, follow_tree

MODULE = importlib.import_module("convlab.optimizers.nesterov")
MOMENTA = [("simple", None), ("fista", None), ("strongly convex", 20.0)]


def betas(momentum: str, kappa: float | None, steps: int) -> list[float]:
    if momentum == "simple":
        return [i / (i + 3) for i in range(steps)]
    if momentum == "strongly convex":
        assert kappa is not None
        return [(1 - math.sqrt(1 / kappa)) / (1 + math.sqrt(1 / kappa))] * steps
    lambdas = [1.0]
    for _ in range(steps):
        lambdas.append(0.5 + math.sqrt(0.25 + lambdas[-1] ** 2))
    return [(lambdas[i] - 1) / lambdas[i + 1] for i in range(steps)]


def by_hand(gradient: Any, x: np.ndarray, eta: float, beta: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """All x_i and all y_i."""
    xs, ys = [x], [x]
    for each in beta:
        xs.append(ys[-1] - eta * gradient(ys[-1]))
        ys.append(xs[-1] + each * (xs[-1] - xs[-2]))
    return np.array(xs), np.array(ys)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("momentum", "kappa"), MOMENTA)
def test_params_are_y_and_judged_are_x(name: str, momentum: Any, kappa: float | None) -> None:
    tx = MODULE.nesterov(0.3, momentum, kappa)
    points, states = follow_tree(tx, CASES[name], 40)
    xs, ys = by_hand(CASES[name].gradient, START, 0.3, betas(momentum, kappa, 40))
    np.testing.assert_allclose(points, ys, rtol=1e-11, atol=1e-13)
    seen = [MODULE.judged(state, None) for state in states]
    judged = [np.concatenate([one["a"], one["b"][0][None], one["b"][1].ravel()]) for one in seen]
    np.testing.assert_allclose(judged, xs, rtol=1e-11, atol=1e-13)
    np.testing.assert_array_equal(judged[0], START)


@pytest.mark.parametrize("T", [4, 10, 20])
def test_simple_momentum_attains_its_bound_on_hubers_function(T: int) -> None:
    """2LD²/(T² + 5T + 6) with kink τ = 4D/(T² + 5T + 6), here with L = 3 and D = 2."""
    L, D = 3.0, 2.0
    worst = T**2 + 5 * T + 6
    kink = 4 * D / worst

    def huber(x: Any) -> Any:
        return L * jnp.where(jnp.abs(x) <= kink, x**2 / 2, kink * jnp.abs(x) - kink**2 / 2)

    _, states = follow(MODULE.nesterov(1 / L), huber, jnp.array(D), T)
    gaps = [float(huber(state.point)) for state in states]
    assert gaps[-1] == pytest.approx(2 * L * D**2 / worst, rel=1e-12)
    assert gaps[-2] > gaps[-1] * 1.01, "the next index would attain another number"


def test_fista_at_ten_on_its_worst_kink() -> None:
    """In one dimension the worst gap after 10 steps is 0.0123351 LD²; the bound is 0.0141608 LD²."""
    kinks = jnp.linspace(0.02, 0.03, 2001)

    def final_gap(kink: jax.Array) -> jax.Array:
        def huber(x: jax.Array) -> jax.Array:
            return jnp.where(jnp.abs(x) <= kink, x**2 / 2, kink * jnp.abs(x) - kink**2 / 2)

        tx, y = MODULE.nesterov(1.0, "fista"), jnp.array(1.0)
        state = tx.init(y)
        for _ in range(10):
            updates, state = tx.update(jax.grad(huber)(y), state, y)
            y = y + updates
        return huber(state.point)

    assert float(jnp.max(jax.vmap(final_gap)(kinks))) == pytest.approx(0.0123351, abs=1e-7)


def test_the_count_outlives_half_precision() -> None:
    """In bfloat16 a count of its own would stop at 256, where λ_k ≈ k/2 + 1 goes on."""
    with jax.enable_x64(False):
        tx, y = MODULE.nesterov(0.0, "fista"), jnp.ones(2, jnp.bfloat16)
        state = jax.lax.fori_loop(0, 2000, lambda i, s: tx.update(y, s, y)[1], tx.init(y))
    assert state.momentum.dtype == jnp.float32
    assert 1000 < float(state.momentum) < 1010
    assert state.point.dtype == jnp.bfloat16


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"momentum": "strongly convex"}, "needs kappa"),
        ({"momentum": "simple", "kappa": 4.0}, "takes no kappa"),
        ({"momentum": "fista", "kappa": 4.0}, "takes no kappa"),
        ({"momentum": "heavy"}, "allowed: 'simple', 'fista', 'strongly convex'"),
    ],
)
def test_a_mistake_is_one_line(arguments: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConvlabError, match=fault):
        MODULE.nesterov(0.1, **arguments)


def test_traits_name_the_momentum() -> None:
    words = {momentum: MODULE.traits({}, {"momentum": momentum}) for momentum, _ in MOMENTA}
    assert words == {
        "simple": {"simple momentum"},
        "fista": {"FISTA momentum"},
        "strongly convex": {"constant momentum"},
    }
    assert list(MODULE.TRAITS) == ["Nesterov step"]
