"""What every oracle owes: no bias, the variance it declares, and samples that depend on seed and step alone."""

from __future__ import annotations

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from convlab.core.errors import ConvlabError
from convlab.core.oracle import Oracle
from convlab.core.problem import Problem, risk_of
from convlab.lab import catalog

NAMES = catalog.names("oracles")


@pytest.fixture(autouse=True)
def float64() -> Any:
    with jax.enable_x64(True):
        yield


def problem() -> Problem:
    return catalog.load("problems", "least_squares")(data="synthetic", n=24, dimension=3, condition=5.0, noise=0.5)


def build(name: str, **changes: Any) -> Oracle:
    example = dict(catalog.read("oracles", name).constants["EXAMPLE"])
    return catalog.load("oracles", name)(**{**example, **changes})


def gradients(oracle: Oracle, problem: Problem, theta: Any, blocks: int, seed: int = 1) -> np.ndarray:
    """∇f_t(θ) over the samples of many blocks, [steps, d]."""
    key = jax.random.key(seed, impl="threefry2x32")
    steps = min(oracle.block, 64)

    @jax.jit
    def of_block(number: jax.Array) -> jax.Array:
        samples = oracle.draw(problem, oracle.constants, key, number)

        def one(i: jax.Array) -> jax.Array:
            sample = jax.tree.map(lambda leaf: leaf[i], samples)
            f, _ = oracle.show(problem, oracle.constants, theta, oracle.init(problem, theta), sample, i)
            return jax.grad(f)(theta)

        return jax.vmap(one)(jnp.arange(steps))

    return np.concatenate([np.asarray(of_block(jnp.asarray(number))) for number in range(blocks)])


@pytest.mark.parametrize("name", NAMES)
def test_it_is_unbiased_everywhere(name: str) -> None:
    target, theta = problem(), jnp.array([0.3, -0.2, 1.0])
    found = gradients(build(name), target, theta, 200)
    truth = np.asarray(jax.grad(lambda x: risk_of(target, x))(theta))
    error = found.std(axis=0, ddof=1) / np.sqrt(len(found)) + 1e-12
    assert np.all(np.abs(found.mean(axis=0) - truth) < 4.5 * error)


@pytest.mark.parametrize("name", NAMES)
def test_its_declared_facts_are_true(name: str) -> None:
    """sqrt E‖∇f_t(θ*)‖² is sigma_star, and expected smoothness holds at random points."""
    target, oracle = problem(), build(name)
    facts = oracle.facts(target)
    found = gradients(oracle, target, jnp.asarray(target.optimum.hi), 300)
    second = np.square(found).sum(axis=1)
    error = second.std(ddof=1) / np.sqrt(len(second))
    assert abs(second.mean() - facts["sigma_star"].value ** 2) <= 4.5 * error + 1e-12
    for seed in range(5):
        theta = jnp.asarray(np.random.default_rng(seed).normal(size=3) * 3)
        there = gradients(oracle, target, theta, 60) - gradients(oracle, target, jnp.asarray(target.optimum.hi), 60)
        gap = float(risk_of(target, theta)) - float(target.optimum.risk_high)
        assert np.square(there).sum(axis=1).mean() <= 2 * facts["L_expected"].value * gap * 1.15


@pytest.mark.parametrize("name", NAMES)
def test_samples_depend_on_seed_and_block_alone(name: str) -> None:
    oracle, target = build(name), problem()
    keys = [jax.random.key(seed, impl="threefry2x32") for seed in (0, 0, 1)]
    first, again, other = (oracle.draw(target, oracle.constants, key, jnp.asarray(3)) for key in keys)
    jax.tree.map(np.testing.assert_array_equal, first, again)
    if jax.tree.leaves(first):
        assert not all(
            np.array_equal(a, b) for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(other), strict=True)
        )


@pytest.mark.parametrize("name", NAMES)
def test_two_constructions_are_one_program(name: str) -> None:
    assert jax.tree.structure(build(name)) == jax.tree.structure(build(name))


@pytest.mark.parametrize("replacement", [True, False])
@pytest.mark.parametrize("size", [1, 5, 24])
def test_minibatch_indices_are_uniform(size: int, replacement: bool) -> None:
    oracle, target = build("minibatch", size=size, replacement=replacement), problem()
    key = jax.random.key(7, impl="threefry2x32")
    draw = jax.jit(lambda number: oracle.draw(target, oracle.constants, key, number))
    rows = np.concatenate([np.asarray(draw(number)) for number in range(100)])
    assert rows.min() >= 0
    assert rows.max() < 24
    counts = np.bincount(rows.ravel(), minlength=24)
    mean = rows.size / 24
    spread = np.sqrt(mean * (1 - 1 / 24) * (1 if replacement else max(24 - size, 0) / 23))
    assert np.all(np.abs(counts - mean) <= 4.5 * spread)
    if not replacement:
        assert all(len(set(row)) == size for row in rows)


def test_minibatches_without_replacement_are_uniform_sets() -> None:
    """All C(4,2) = 6 pairs equally often."""
    target = catalog.load("problems", "least_squares")(data="synthetic", n=4, dimension=2, condition=2.0, noise=0.1)
    oracle = build("minibatch", size=2, replacement=False)
    draw = jax.jit(lambda n: oracle.draw(target, oracle.constants, jax.random.key(3, impl="threefry2x32"), n))
    rows = np.concatenate([np.sort(np.asarray(draw(number)), axis=1) for number in range(60)])
    pairs = [int(np.all(rows == pair, axis=1).sum()) for pair in itertools.combinations(range(4), 2)]
    mean = len(rows) / 6
    assert np.all(np.abs(np.array(pairs) - mean) < 4.5 * np.sqrt(mean * 5 / 6))


def test_minibatch_variance_by_enumeration() -> None:
    """σ*² of pairs, over all pairs with and without replacement: exact, no sampling."""
    target = problem()
    optimum = np.asarray(target.optimum.hi)
    rows = [jax.tree.map(lambda leaf, i=i: leaf[i : i + 1], target.data) for i in range(24)]
    each = np.stack([np.asarray(jax.grad(target.risk)(optimum, row, target.constants)) for row in rows])
    for replacement, pairs in (
        (True, itertools.product(range(24), repeat=2)),
        (False, itertools.combinations(range(24), 2)),
    ):
        exact = np.mean([np.square((each[i] + each[j]) / 2).sum() for i, j in pairs])
        declared = build("minibatch", size=2, replacement=replacement).facts(target)["sigma_star"].value ** 2
        np.testing.assert_allclose(declared, exact, rtol=1e-9)


@pytest.mark.parametrize("size", [1, 3, 24])
@pytest.mark.parametrize("replacement", [True, False])
def test_expected_smoothness_is_declared_from_above(size: int, replacement: bool) -> None:
    """E‖∇f_t(θ) − ∇f_t(θ*)‖² <= 2·L_expected·gap for every direction: the largest ratio is an eigenvalue problem.

    For least squares ∇f_B(θ) − ∇f_B(θ*) = H_B e: the ratio is the largest eigenvalue of H^(-1/2) E[H_B²] H^(-1/2), and
    E[H_B²] follows from the rows: with replacement (E[h²] + (b−1)H²)/b, without ((n−b)E[h²] + n(b−1)H²)/(b(n−1)).
    """
    target = problem()
    X, n = np.asarray(target.data[0]), 24
    rows = [np.outer(x, x) for x in X]
    H, second = sum(rows) / n, sum(row @ row for row in rows) / n
    if replacement:
        mean = (second + (size - 1) * H @ H) / size
    else:
        mean = ((n - size) * second + n * (size - 1) * H @ H) / (size * (n - 1))
    root = np.linalg.inv(np.linalg.cholesky(H))
    sharp = np.linalg.eigvalsh(root @ mean @ root.T).max()
    declared = build("minibatch", size=size, replacement=replacement).facts(target)["L_expected"].value
    assert sharp <= declared * (1 + 1e-12)
    assert declared <= 3 * sharp


def test_what_is_estimated_stays_estimated() -> None:
    import dataclasses

    from convlab.core.setting import Known

    target = problem()
    guessed = dataclasses.replace(target, known={**target.known, "L_max": Known(9.0, "estimated")})
    assert build("minibatch", size=2).facts(guessed)["L_expected"].how == "estimated"
    assert build("minibatch", size=2).facts(target)["L_expected"].how == "upper bound"


def test_a_batch_that_does_not_fit_is_refused() -> None:
    assert "24 rows" in str(build("minibatch", size=25).problem_fault(problem()))
    assert "has none" in str(build("minibatch").problem_fault(catalog.load("problems", "huber")()))
    with pytest.raises(ConvlabError, match="at least 1"):
        build("minibatch", size=0)
    with pytest.raises(ConvlabError, match="finite"):
        build("additive_noise", sigma=float("nan"))
