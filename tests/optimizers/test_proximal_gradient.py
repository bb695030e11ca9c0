"""Proximal gradient steps against plain loops, alone and in the lab."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from convlab.core.errors import ConvlabError
from convlab.lab import catalog
from convlab.lab.settle import settle
from tests.optimizers.functions import CASES, START, as_tree, flat
from tests.running import cells, experiment, run

PLAIN, FAST = (catalog.load("optimizers", name) for name in ("proximal_gradient", "accelerated_proximal_gradient"))
WEIGHT = 0.3


def shrink(x: Any, threshold: Any) -> Any:
    return np.sign(x) * np.maximum(np.abs(x) - threshold, 0.0)


def prox(theta: Any, eta: Any) -> Any:
    return jax.tree.map(lambda x: jnp.sign(x) * jnp.maximum(jnp.abs(x) - WEIGHT * eta, 0.0), theta)


def by_hand(gradient: Callable[[Any], Any], theta: Any, steps: int, eta: Callable[[int], float], l1: float) -> Any:
    """x_0, …, x_steps."""
    points = [theta]
    for t in range(steps):
        theta = shrink(theta - eta(t) * gradient(theta), eta(t) * l1)
        points.append(theta)
    return np.array(points)


def fast_by_hand(gradient: Callable[[Any], Any], x: Any, steps: int, eta: Callable[[int], float], l1: float) -> Any:
    y, size, points = x, 1.0, [x]
    for t in range(steps):
        after = shrink(y - eta(t) * gradient(y), eta(t) * l1)
        larger = (1 + math.sqrt(1 + 4 * size**2)) / 2
        y = after + (size - 1) / larger * (after - x)
        x, size = after, larger
        points.append(x)
    return np.array(points)


def follow(tx: Any, f: Callable[[Any], Any], theta: Any, steps: int) -> list[Any]:
    """The params and the states of a compiled run."""

    @jax.jit
    def step(theta: Any, state: Any) -> Any:
        updates, state = tx.update(jax.grad(f)(theta), state, theta)
        return optax.apply_updates(theta, updates), state

    state = tx.init(theta)
    found = [(theta, state)]
    for _ in range(steps):
        theta, state = step(theta, state)
        found.append((theta, state))
    return found


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("eta", [0.3, lambda t: 0.5 / (t + 2)], ids=["constant", "schedule"])
def test_the_steps_are_those_of_a_plain_loop_over_any_pytree(name: str, eta: Any) -> None:
    case, at = CASES[name], eta if callable(eta) else lambda t: eta
    tree = jax.tree.map(jnp.asarray, as_tree(START))
    runs = follow(PLAIN(eta, prox=prox), lambda theta: case.f(flat(theta)), tree, 30)
    expected = by_hand(case.gradient, START, 30, at, WEIGHT)
    np.testing.assert_allclose([flat(theta) for theta, _ in runs], expected, rtol=1e-12, atol=1e-15)
    assert name != "logistic" or (expected[-1] == 0.0).any()  # some coordinate has shrunk to 0, exactly
    assert [int(state.t) for _, state in runs] == list(range(31))
    runs = follow(FAST(eta, prox=prox), lambda theta: case.f(flat(theta)), tree, 30)
    expected = fast_by_hand(case.gradient, START, 30, at, WEIGHT)
    np.testing.assert_allclose([flat(state.point) for _, state in runs], expected, rtol=1e-10, atol=1e-14)


def test_without_a_prox_they_are_gradient_descent_and_nesterovs_method() -> None:
    case, theta = CASES["quadratic"], jnp.asarray(START)
    gd, nesterov = catalog.load("optimizers", "gd"), catalog.load("optimizers", "nesterov")
    for ours, other in ((PLAIN(0.3), gd(0.3)), (FAST(0.3), nesterov(0.3, momentum="fista"))):
        one, two = follow(ours, case.f, theta, 20), follow(other, case.f, theta, 20)
        np.testing.assert_allclose([x for x, _ in one], [x for x, _ in two], rtol=1e-13, atol=1e-15)


def test_a_missing_point_is_named() -> None:
    for tx in (PLAIN(0.1), FAST(0.1)):
        with pytest.raises(ValueError, match="needs params"):
            tx.update(jnp.ones(2), tx.init(jnp.ones(2)))


LASSO = {"name": "lasso", "data": "synthetic", "n": 20, "dimension": 4, "l1_over_max": 0.3, "data_seed": 1}


@pytest.mark.parametrize("name", ["proximal_gradient", "accelerated_proximal_gradient"])
def test_the_lab_hands_over_the_prox_and_measures_all_of_r(name: str) -> None:
    """Gap, shortest subgradient and the best iterate of a lasso are those of R, not of the smooth part alone."""
    problem = catalog.load("problems", "lasso")(**{key: value for key, value in LASSO.items() if key != "name"})
    X, y = problem.data
    l1, eta = float(problem.constants["l1"]), 1.0 / problem.known["L"].value
    (trace,) = run(LASSO, [{"name": name, "step_size": "1/L"}], horizon=40, outputs=("last", "best"))

    def gradient(theta: Any) -> Any:
        return X.T @ (X @ theta - y) / len(y)

    loop = by_hand if name == "proximal_gradient" else fast_by_hand
    points = loop(gradient, np.zeros(4), 40, lambda t: eta, l1)
    risks = 0.5 * np.mean((points @ X.T - y) ** 2, axis=1) + l1 * np.abs(points).sum(axis=1)
    star, least = np.asarray(problem.optimum.hi), float(problem.optimum.risk_low)
    np.testing.assert_allclose(trace.measured["last"]["gap"][0], risks[trace.t] - least, rtol=1e-9, atol=1e-13)
    best = np.minimum.accumulate(risks)[np.maximum(trace.t - 1, 0)]
    np.testing.assert_allclose(trace.measured["best"]["gap"][0], best - least, rtol=1e-9, atol=1e-13)
    g = np.array([gradient(theta) for theta in points[trace.t]])
    shortest = np.where(points[trace.t] == 0.0, shrink(g, l1), g + l1 * np.sign(points[trace.t]))
    slopes = np.linalg.norm(shortest, axis=1)
    np.testing.assert_allclose(np.sqrt(trace.measured["last"]["grad_norm2"][0]), slopes, rtol=1e-12, atol=1e-15)
    distance = np.linalg.norm(points[trace.t] - star, axis=1)
    np.testing.assert_allclose(np.sqrt(trace.measured["last"]["dist2"][0]), distance, rtol=1e-12, atol=1e-15)
    assert "smooth" not in trace.setting.traits


@pytest.mark.parametrize(
    ("problem", "optimizer", "says"),
    [
        (LASSO, {"name": "gd", "step_size": "1/L"}, "which 'gd' would leave out; use an optimizer that takes its prox"),
        (LASSO, {"name": "subgradient", "step_size": 0.1}, "such as 'proximal_gradient'"),
        (LASSO, {"name": "optax.adam", "learning_rate": 0.1}, "which 'optax.adam' would leave out"),
        (LASSO, {"name": "newton"}, "which 'newton' would leave out"),
        (
            {"name": "huber"},
            {"name": "proximal_gradient", "step_size": "1/L"},
            "'proximal_gradient' needs a prox, and problem 'huber' has no simple part",
        ),
        (
            {"name": "absolute", "radius": 2.0},
            {"name": "accelerated_proximal_gradient", "step_size": 0.1},
            "is minimised over a set, which 'accelerated_proximal_gradient' would leave",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(problem: Any, optimizer: Any, says: str) -> None:
    (cell,) = cells(experiment(problem, [optimizer]))
    with pytest.raises(ConvlabError) as caught:
        settle(cell, {})
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
