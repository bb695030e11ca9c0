"""Expectations computed without seeds: against every sample path of tiny cases, closed forms, and the mean of seeds."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import pytest

from convlab.core.errors import ConvlabError
from convlab.core.expression import Expression
from convlab.lab import api, catalog, moments
from convlab.lab.config import load_experiment
from convlab.lab.grid import Cell
from convlab.lab.limits import mean_limits
from convlab.lab.spec import Part

OUTPUTS = ("last", "average", "average(1..T)", "average(0..T)", "weighted_average", "weighted_average(t+1)")


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def cell(oracle: Part, horizon: int, outputs: tuple[str, ...] = OUTPUTS) -> Cell:
    every = tuple(range(horizon + 1))
    return Cell(Part("any"), Part("sgd"), oracle, horizon, outputs, every, "float64", False, expectation="exact")


def points_judged(path: np.ndarray, steps: np.ndarray) -> dict[str, np.ndarray]:
    """Each output's point after the last step of a trajectory θ_0 … θ_T."""
    T = len(path) - 1
    weigh = {"average": np.ones(T), "weighted_average": steps[:T], "weighted_average(t+1)": np.arange(1.0, T + 1)}
    found = {name: weights @ path[:-1] / weights.sum() for name, weights in weigh.items()}
    return found | {"last": path[-1], "average(1..T)": path[1:].mean(0), "average(0..T)": path.mean(0)}


@pytest.mark.parametrize(("size", "replacement", "horizon"), [(1, True, 4), (2, True, 2), (2, False, 3), (3, False, 3)])
def test_it_is_the_mean_over_all_sample_paths(size: int, replacement: bool, horizon: int) -> None:
    """Least squares with a ridge, four rows: SGD by hand on every sequence of batches, decreasing steps."""
    problem = catalog.load("problems", "least_squares")(data="synthetic", n=4, dimension=2, ridge=0.05, data_seed=1)
    X, y = (np.asarray(each) for each in problem.data)
    star = np.linalg.solve(X.T @ X / 4 + 0.05 * np.eye(2), X.T @ y / 4)
    steps = 0.3 / np.sqrt(np.arange(1.0, horizon + 2))
    rows = range(4)
    batches = list(itertools.product(rows, repeat=size) if replacement else itertools.combinations(rows, size))
    totals = {name: np.zeros(3) for name in OUTPUTS}
    H = X.T @ X / 4 + 0.05 * np.eye(2)
    for chosen in itertools.product(batches, repeat=horizon):
        path = [np.zeros(2)]
        for t, batch in enumerate(chosen):
            B = list(batch)
            slope = X[B].T @ (X[B] @ path[-1] - y[B]) / size + 0.05 * path[-1]
            path.append(path[-1] - steps[t] * slope)
        for name, point in points_judged(np.array(path), steps).items():
            e = point - star
            totals[name] += np.array([0.5 * e @ H @ e, e @ H @ H @ e, e @ e]) / len(batches) ** horizon
    oracle = Part("minibatch", {"size": size, "replacement": replacement})
    found = moments.expected(problem, cell(oracle, horizon), lambda t: float(steps[t]))
    for name in OUTPUTS:
        at_end = [found[name][quantity][0, -1] for quantity in ("gap", "grad_norm2", "dist2")]
        np.testing.assert_allclose(at_end, totals[name], rtol=1e-12, err_msg=name)
        assert found[name]["gap"][0, 0] == pytest.approx(problem.known["initial_gap"].value, rel=1e-12)


@pytest.mark.parametrize("steps", ["1/(mu*(t+1))", "2/(mu*(t+2))", "0.2/L"])
def test_additive_noise_has_closed_forms(steps: str) -> None:
    """(μ/2)θ², noise σ: E gap = σ²/(2μT) for 1/(μt), σ²(2T+1)/(3μT(T+1)) for 2/(μ(t+1)), and the ball of constant η."""
    mu, sigma, x0, T = 0.7, 0.5, 2.0, 300
    problem = catalog.load("problems", "quadratic")(eigenvalues=(mu,), theta0=(x0,))
    eta = Expression(steps)
    names = {"mu": mu, "L": mu}
    found = moments.expected(
        problem,
        cell(Part("additive_noise", {"sigma": sigma}), T, ("last", "average")),
        lambda t: float(eta({**names, **({"t": float(t)} if "t" in eta.names else {})})),
    )
    t = np.arange(1, T + 1)
    r = 1 - 0.2
    constant = 0.5 * mu * (r ** (2 * t) * x0**2 + (0.2 / mu * sigma) ** 2 * (1 - r ** (2 * t)) / (1 - r**2))
    closed = {
        "1/(mu*(t+1))": sigma**2 / (2 * mu * t),
        "2/(mu*(t+2))": sigma**2 * (2 * t + 1) / (3 * mu * t * (t + 1)),
        "0.2/L": constant,
    }[steps]
    np.testing.assert_allclose(found["last"]["gap"][0, 1:], closed, rtol=1e-11)
    if steps == "0.2/L":  # the mean of a line of autoregressions, summed term by term
        k = np.arange(0, T - 1)
        noise = np.sum((0.2 / mu * (1 - r ** (T - 1 - k)) / ((1 - r) * T)) ** 2) * sigma**2
        average = mu / 2 * ((x0 * (1 - r**T) / ((1 - r) * T)) ** 2 + noise)
        assert found["average"]["gap"][0, -1] == pytest.approx(average, rel=1e-11)


EXPERIMENT = """
title = "t"
[problem]
name = "{problem}"
[[optimizer]]
name = "{optimizer}"
step_size = 0.05
oracle = {oracle}
[run]
horizon = 60
seeds = 400
expectation = {expectation}
outputs = {outputs}
"""


def outcome(folder: Path, **changed: str) -> api.Outcome:
    told = {
        "problem": 'centroid"\nn = 12\ndimension = 2#',
        "optimizer": "sgd",
        "oracle": '{ name = "minibatch", size = 2 }',
        "expectation": '["sampled", "exact"]',
        "outputs": '["last", "average"]',
    }
    (folder / "e.toml").write_text(EXPERIMENT.format(**{**told, **changed}).replace('#"', ""), encoding="utf-8")
    return api.run(load_experiment(folder / "e.toml"), out=folder / "out")


@pytest.mark.usefixtures("unrendered")
def test_the_mean_of_the_seeds_lies_within_its_limits_around_the_expectation(tmp_path: Path) -> None:
    """Both ways through the public runner; simultaneous 99.9% limits over the checkpoints and outputs."""
    found = outcome(tmp_path)
    sampled, exact = found.results.traces
    assert (len(sampled.seeds), len(exact.seeds)) == (400, 1)
    assert exact.label.endswith("exact expectation")
    for output in ("last", "average"):
        for quantity in ("gap", "dist2"):
            low, _, high = mean_limits(sampled.measured[output][quantity][:, 1:], 0.001 / (4 * 2 * 59))
            truth = exact.measured[output][quantity][0, 1:]
            assert np.all((low <= truth) & (truth <= high)), (output, quantity)
    again = outcome(tmp_path)
    assert (again.ran, again.reused) == (0, 2)
    rulings = {(v.theorem, v.cells): v for v in found.verdicts}
    attained = rulings["minibatch_variance", (1,)]
    assert attained.ruling == "holds"
    assert attained.why.startswith("the exact expectation, over the bound, is at most")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"problem": "huber"}, "the risk of 'huber' is not quadratic"),
        ({"optimizer": "heavy_ball"}, "'heavy_ball' is not θ − η_t·(a gradient)"),
        ({"outputs": '["last", "best"]'}, "of outputs last and averages are known, not 'best'"),
        ({"expectation": '"exakt"'}, '"exakt" is no choice; allowed: "sampled" (over seeds), "exact"'),
        ({"expectation": "[]"}, "an empty list"),
        ({"expectation": '["exact", "exact"]'}, "is given twice"),
    ],
)
def test_what_cannot_be_computed_is_said_in_one_line(changed: dict[str, str], told: str, tmp_path: Path) -> None:
    if "problem" in changed:
        changed = {**changed, "oracle": '{ name = "additive_noise", sigma = 0.1 }'}
    if "optimizer" in changed:
        changed = {**changed, "optimizer": 'heavy_ball"\nmomentum = 0.5#'}
    with pytest.raises(ConvlabError) as caught:
        outcome(tmp_path, **changed)
    assert told in str(caught.value)
    assert "run.expectation" in str(caught.value)
