"""The instances of stochastic gradient descent: minimisers in rationals, expectations by enumeration of all draws."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import jax
import numpy as np
import pytest

from convlab.core.errors import ConvlabError
from convlab.core.problem import Problem
from convlab.lab import catalog
from convlab.oracles.minibatch import minibatch
from convlab.problems.centroid import centroid
from convlab.problems.coordinates import coordinates
from tests.running import run


def _exact(values: Any) -> list[Fraction]:
    return [Fraction(float(v)) for v in np.ravel(values)]


@pytest.mark.parametrize(
    "arguments",
    [{}, {"n": 7, "dimension": 2, "mu": 0.3, "spread": 1e3}, {"data": "diabetes"}, {"data": "breast_cancer"}],
    ids=str,
)
def test_the_centroid_is_the_mean_in_rationals(arguments: dict[str, Any]) -> None:
    problem = centroid(**arguments)
    points, optimum, weights = problem.data, problem.optimum, _exact(problem.constants["eigenvalues"])
    assert optimum is not None
    mean = [sum(_exact(column)) / len(points) for column in points.T]
    found = [a + b for a, b in zip(_exact(optimum.hi), _exact(optimum.lo), strict=True)]
    off = sum((a - b) ** 2 for a, b in zip(mean, found, strict=True))
    assert off <= Fraction(float(optimum.radius)) ** 2
    squares = [
        sum((x - m) ** 2 for x in _exact(column)) / len(points) for column, m in zip(points.T, mean, strict=True)
    ]
    risk = sum(w * s for w, s in zip(weights, squares, strict=True)) / 2
    assert Fraction(float(optimum.risk_low)) <= risk <= Fraction(float(optimum.risk_high))
    known = {name: Fraction(fact.value) for name, fact in problem.known.items()}
    tight = 1 + Fraction(1, 10**12)
    noise = sum(w**2 * s for w, s in zip(weights, squares, strict=True))
    start = [(a - m) ** 2 for a, m in zip(_exact(problem.theta0), mean, strict=True)]
    assert noise <= known["sigma_star"] ** 2 <= noise * tight
    assert sum(start) <= known["D"] ** 2 <= sum(start) * tight
    gap = sum(w * s for w, s in zip(weights, start, strict=True)) / 2
    assert gap <= known["initial_gap"] <= gap * tight


def test_the_synthetic_rows_lie_alike_in_all_directions() -> None:
    problem = centroid(n=15, dimension=4, spread=3.0, D=2.0, data_seed=5)
    centred = problem.data - 2.0 / np.sqrt(4)
    np.testing.assert_allclose(centred.mean(axis=0), 0.0, atol=1e-15)
    np.testing.assert_allclose(centred.T @ centred / 15, 9.0 / 4 * np.eye(4), atol=1e-14)
    assert problem.known["sigma_star"].value == pytest.approx(3.0, rel=1e-14)
    assert problem.known["D"].value == pytest.approx(2.0, rel=1e-14)
    assert problem.digest != centroid(n=15, dimension=4, spread=3.0, D=2.0, data_seed=6).digest


@pytest.mark.parametrize("problem", [centroid(n=6, dimension=3, mu=0.4), coordinates(3, mu=0.5)], ids=lambda p: p.name)
def test_one_hessian_for_all_rows_is_said_where_it_is_true(problem: Problem) -> None:
    def of_row(row: jax.Array) -> jax.Array:
        return jax.hessian(lambda theta: problem.risk(theta, row[None], problem.constants))(problem.theta0)

    hessians = np.asarray(jax.vmap(of_row)(problem.data))
    alike = bool(np.all(np.abs(hessians - hessians[0]) < 1e-15))
    assert alike == ("one Hessian for all rows" in problem.traits)


def _batches(n: int, size: int, replacement: bool) -> np.ndarray:
    rows = itertools.product(range(n), repeat=size) if replacement else itertools.combinations(range(n), size)
    return np.array(list(rows))


@pytest.mark.parametrize("replacement", [True, False])
@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_the_variance_of_minibatches_by_enumeration(size: int, replacement: bool) -> None:
    """The oracle's sigma_star, which contains b and (n − b)/(n − 1), against all batches there are."""
    problem = centroid(n=4, dimension=2, mu=0.5, spread=1.5, data_seed=3)
    weights = problem.constants["eigenvalues"]
    noise = weights * (problem.data - problem.data.mean(axis=0))
    means = noise[_batches(4, size, replacement)].mean(axis=1)
    declared = minibatch(size, replacement).facts(problem)["sigma_star"].value
    assert declared**2 == pytest.approx(float(np.mean(np.sum(means**2, axis=1))), rel=1e-12, abs=1e-30)
    if size == 4 and not replacement:
        assert declared == 0.0


@pytest.mark.parametrize(("size", "replacement"), [(1, True), (2, True), (2, False), (3, False), (4, False)])
def test_the_closed_form_of_the_centroid_by_all_paths(size: int, replacement: bool) -> None:
    """E‖θ_T − θ*‖² over every sequence of T = 3 batches; the formula is that of the docstring."""
    problem = centroid(n=4, dimension=2, spread=1.5, D=0.8, data_seed=3)
    eta, T, means = 0.3, 3, problem.data[_batches(4, size, replacement)].mean(axis=1)
    e = problem.theta0[None]
    for _ in range(T):
        e = (e[:, None] - eta * (e[:, None] - means)).reshape(-1, 2)
    measured = float(np.mean(np.sum((e - problem.data.mean(axis=0)) ** 2, axis=1)))
    variance = 1.5**2 / size * (1 if replacement else (4 - size) / 3)
    q = (1 - eta) ** (2 * T)
    assert measured == pytest.approx(q * 0.8**2 + eta**2 * variance * (1 - q) / (1 - (1 - eta) ** 2), rel=1e-12)


def test_all_rows_without_replacement_are_gradient_descent() -> None:
    problem = {"name": "centroid", "n": 6, "dimension": 3, "mu": 0.5}
    steps = {"step_size": "1/(2*L)"}
    oracle = {"name": "minibatch", "size": 6, "replacement": False}
    drawn = run(problem, [{"name": "sgd", **steps}], oracle=oracle, horizon=12, seeds=3)[0]
    descent = run(problem, [{"name": "gd", **steps}], horizon=12)[0]
    found, exact = drawn.measured["last"]["dist2"], descent.measured["last"]["dist2"]
    np.testing.assert_allclose(found, np.broadcast_to(exact, found.shape), rtol=1e-10)
    assert drawn.setting["sigma_star"] == 0.0


@pytest.mark.parametrize(("d", "T"), [(1, 3), (2, 8), (3, 6), (5, 4)])
@pytest.mark.parametrize("share", [0.25, 1.0, 1.5])
def test_random_coordinates_by_all_paths(d: int, T: int, share: float) -> None:
    """(1 − η(2 − ηd))^T D² exactly, over all d^T sequences of rows, with the rows' own gradients."""
    problem, eta = coordinates(d, D=0.7), share / d
    gradients = jax.vmap(
        jax.vmap(jax.grad(lambda theta, row: problem.risk(theta, row[None], ())), (None, 0)), (0, None)
    )
    theta = problem.theta0[None]
    for _ in range(T):
        theta = (theta[:, None] - eta * np.asarray(gradients(theta, problem.data))).reshape(-1, d)
    expected = (1 - eta * (2 - eta * d)) ** T * 0.7**2
    assert float(np.mean(np.sum(theta**2, axis=1))) == pytest.approx(expected, rel=1e-12, abs=1e-16)
    assert problem.known["L_max"].value == d
    assert "interpolation" in problem.traits
    assert not np.any(np.asarray(gradients(np.zeros((1, d)), problem.data)))


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("centroid", {"mu": 1.5}, "mu = 1.5"),
        ("centroid", {"mu": 0.0}, "mu = 0.0"),
        ("centroid", {"n": 3, "dimension": 3}, "dimension = 3"),
        ("centroid", {"data_seed": -1}, "data_seed = -1"),
        ("centroid", {"data": "diabetes", "spread": 1.0}, "spread describes synthetic data"),
        ("centroid", {"data": "diabete"}, "diabetes"),
        ("centroid", {"spread": -1.0}, "spread = -1.0"),
        ("coordinates", {"dimension": 0}, "dimension = 0"),
        ("coordinates", {"dimension": 5000}, "dimension = 5000"),
        ("coordinates", {"mu": 2.0}, "mu = 2.0"),
        ("coordinates", {"D": 0.0}, "D = 0.0"),
    ],
)
def test_mistakes_are_told_in_one_line(name: str, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ConvlabError, match=words) as error:
        catalog.load("problems", name)(**arguments)
    assert "\n" not in str(error.value)
