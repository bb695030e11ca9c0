"""Functions to run on, written twice: in jax, to be differentiated, and their gradients in plain numpy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from scipy.special import expit

_GENERATOR = np.random.default_rng(5)
_ROWS = _GENERATOR.normal(size=(12, 5))
_SIGNS = np.sign(_GENERATOR.normal(size=12))
_SPECTRUM = np.array([1.0, 0.02, 0.3, 0.7, 0.1])
_CENTRE = np.array([1.0, -2.0, 3.0, 0.5, -0.25])


class Case(NamedTuple):
    """f over flat vectors of five numbers in jax and numpy, and its gradient in numpy."""

    f: Callable[[Any], Any]
    value: Callable[[np.ndarray], float]
    gradient: Callable[[np.ndarray], np.ndarray]


def _huber_value(x: np.ndarray) -> float:
    return float(np.sum(np.where(np.abs(x) <= 0.5, x**2 / 2, 0.5 * np.abs(x) - 0.125)))


CASES = {
    "quadratic": Case(
        lambda x: 0.5 * jnp.sum(_SPECTRUM * (x - _CENTRE) ** 2),
        lambda x: 0.5 * float(np.sum(_SPECTRUM * (x - _CENTRE) ** 2)),
        lambda x: _SPECTRUM * (x - _CENTRE),
    ),
    "huber": Case(
        lambda x: jnp.sum(jnp.where(jnp.abs(x) <= 0.5, x**2 / 2, 0.5 * jnp.abs(x) - 0.125)),
        _huber_value,
        lambda x: np.clip(x, -0.5, 0.5),
    ),
    "logistic": Case(
        lambda x: jnp.mean(jax.nn.softplus(-_SIGNS * (_ROWS @ x))) + 0.05 * jnp.sum(x**2),
        lambda x: float(np.mean(np.logaddexp(0, -_SIGNS * (_ROWS @ x)))) + 0.05 * float(np.sum(x**2)),
        lambda x: -_ROWS.T @ (_SIGNS * expit(-_SIGNS * (_ROWS @ x))) / 12 + 0.1 * x,
    ),
}
START = np.array([0.3, 1.5, -0.7, 2.0, -1.2])


def as_tree(x: Any) -> dict[str, Any]:
    """Five numbers as a pytree."""
    return {"a": x[:2], "b": (x[2], x[3:].reshape(1, 2))}


def flat(tree: Any) -> Any:
    return jnp.concatenate([tree["a"], tree["b"][0][None], tree["b"][1].ravel()])


def follow(tx: optax.GradientTransformationExtraArgs, f: Callable[[Any], Any], theta: Any, steps: int) -> Any:
    """The points θ_0, …, θ_steps and the states beside them, from a compiled step."""

    @jax.jit
    def step(theta: Any, state: Any) -> Any:
        value, grad = jax.value_and_grad(f)(theta)
        updates, state = tx.update(grad, state, theta, value=value, grad=grad, value_fn=f)
        return optax.apply_updates(theta, updates), state

    state = tx.init(theta)
    points, states = [theta], [state]
    for _ in range(steps):
        theta, state = step(theta, state)
        points.append(theta)
        states.append(state)
    return points, states


def follow_tree(tx: optax.GradientTransformationExtraArgs, case: Case, steps: int) -> tuple[np.ndarray, list[Any]]:
    """As `follow` from START, over the pytree; the points come back flat."""
    tree = jax.tree.map(jnp.asarray, as_tree(START))
    points, states = follow(tx, lambda theta: case.f(flat(theta)), tree, steps)
    return np.array([flat(point) for point in points]), states
