"""The network against a forward and backward pass written out in numpy."""

import functools

import jax
import numpy as np
import pytest
from sklearn.datasets import load_digits

from convlab.core.errors import ConvlabError
from convlab.core.problem import risk_of
from convlab.problems.network import network


def _by_hand(theta, X: np.ndarray, y: np.ndarray):
    """The mean cross-entropy and its gradient by backpropagation."""
    W, b = theta["hidden"]["weights"], theta["hidden"]["bias"]
    V, c = theta["output"]["weights"], theta["output"]["bias"]
    units = np.tanh(X @ W + b)
    logits = units @ V + c
    logits = logits - logits.max(axis=1, keepdims=True)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    picked = shares[np.arange(len(y)), y]
    wrong = shares.copy()
    wrong[np.arange(len(y)), y] -= 1.0
    wrong /= len(y)
    back = (wrong @ V.T) * (1.0 - units**2)
    gradient = {
        "hidden": {"weights": X.T @ back, "bias": back.sum(axis=0)},
        "output": {"weights": units.T @ wrong, "bias": wrong.sum(axis=0)},
    }
    return -np.mean(np.log(picked)), gradient


def test_risk_and_gradient_against_backpropagation_by_hand() -> None:
    problem = network(hidden=5, weights_seed=3)
    images, labels = load_digits(return_X_y=True)
    assert problem.rows == 1797
    theta = jax.tree.map(lambda leaf: leaf + 0.1, problem.theta0)
    for point in (problem.theta0, theta):
        value, gradient = jax.jit(jax.value_and_grad(functools.partial(risk_of, problem)))(point)
        expected, by_hand = _by_hand(point, images / 16.0, labels)
        assert float(value) == pytest.approx(expected, rel=1e-13)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-15), gradient, by_hand)
    assert problem.known["initial_gap"].value == pytest.approx(_by_hand(problem.theta0, images / 16.0, labels)[0])
    assert 0.0 == float(problem.optimum.risk_low) < float(problem.optimum.risk_high)
    assert problem.optimum.hi is None


def test_gradient_descent_learns_the_digits() -> None:
    problem = network(hidden=8, rows=300)
    images, labels = problem.data

    @jax.jit
    def train(problem, theta):
        def step(_, theta):
            gradient = jax.grad(functools.partial(risk_of, problem))(theta)
            return jax.tree.map(lambda a, b: a - 0.5 * b, theta, gradient)

        return jax.lax.fori_loop(0, 500, step, theta)

    theta = jax.tree.map(np.asarray, train(problem, problem.theta0))
    assert float(risk_of(problem, theta)) < 0.15 * problem.known["initial_gap"].value
    units = np.tanh(images @ theta["hidden"]["weights"] + theta["hidden"]["bias"])
    logits = units @ theta["output"]["weights"] + theta["output"]["bias"]
    assert np.mean(logits.argmax(axis=1) == labels.argmax(axis=1)) > 0.95


def test_seeds_and_rows_change_what_they_name_and_nothing_else() -> None:
    first, again, other = network(rows=50), network(rows=50), network(rows=50, weights_seed=1)
    jax.tree.map(np.testing.assert_array_equal, first.theta0, again.theta0)
    assert first.digest == again.digest == other.digest != network(rows=51).digest
    assert not np.array_equal(first.theta0["hidden"]["weights"], other.theta0["hidden"]["weights"])
    spread = network(hidden=64).theta0
    assert np.std(spread["hidden"]["weights"]) == pytest.approx(64**-0.5, rel=0.05)
    assert np.std(spread["output"]["weights"]) == pytest.approx(64**-0.5, rel=0.1)
    assert not spread["hidden"]["bias"].any()
    assert not spread["output"]["bias"].any()


def test_losses_stay_finite_far_out() -> None:
    problem = network(hidden=3, rows=20)
    for size in (1e3, 1e8, 1e150):
        theta = jax.tree.map(lambda leaf, size=size: size * (leaf + 1.0), problem.theta0)
        value, gradient = jax.value_and_grad(functools.partial(risk_of, problem))(theta)
        assert np.isfinite(float(value))
        assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(gradient))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"hidden": 0}, "hidden = 0; it must be a whole number from 1"),
        ({"rows": 0}, "rows = 0; data 'digits' has 1797"),
        ({"rows": 1798}, "rows = 1798; data 'digits' has 1797"),
        ({"weights_seed": -1}, "weights_seed = -1; it must not be negative"),
        ({"data": "digit"}, "did you mean 'digits'?"),
    ],
)
def test_bad_input_is_answered_in_one_line(arguments, words: str) -> None:
    with pytest.raises(ConvlabError) as error:
        network(**arguments)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
