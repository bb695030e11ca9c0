"""Least squares through its Gram matrix: the same function, derivatives from d² numbers, and an honest rounding."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

from convlab.core.errors import ConvlabError
from convlab.core.problem import Problem, full_risk, shown_risk
from convlab.lab import environment
from convlab.problems import _gram
from convlab.problems.least_squares import least_squares
from tests.problems import exact
from tests.running import run

ROWS = {"data": "synthetic", "n": 600, "dimension": 5, "condition": 1e4, "data_seed": 3}


def by_gram(**options: Any) -> Problem:
    return least_squares(**{**ROWS, "full_gradient": "gram", **options})


def test_the_averages_are_those_of_the_rows_in_60_digits() -> None:
    problem = by_gram()
    X, y = (np.asarray(leaf) for leaf in problem.data)
    columns, labels = [exact.vector(column) for column in X.T], exact.vector(y)
    for i, column in enumerate(columns):
        b = exact.dot(column, labels) / len(y)
        assert abs(problem.constants["moment"][i] - b) < 20 * 2.0**-53 * np.mean(np.abs(X[:, i] * y))
        for j, other in enumerate(columns):
            wanted = exact.dot(column, other) / len(y)
            assert abs(problem.constants["gram"][i, j] - wanted) < 20 * 2.0**-53 * np.mean(np.abs(X[:, i] * X[:, j]))


@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_it_is_the_same_function_with_the_same_derivatives(ridge: float) -> None:
    problem = by_gram(ridge=ridge)
    for seed in range(3):
        theta = 10.0 * np.random.default_rng(seed).standard_normal(5)
        with environment.numerics("cpu"):
            found, wanted = (
                [
                    of(lambda point, risk=risk: risk(problem, point))(theta)
                    for of in (lambda f: f, jax.grad, jax.hessian)
                ]
                for risk in (full_risk, shown_risk)
            )
        assert float(found[0]) == float(wanted[0])
        for one, other in zip(found[1:], wanted[1:], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("options", [{}, {"noise": 0.0}, {"ridge": 0.1}, {"condition": 1e8}, {"n": 7}])
def test_the_rounding_near_the_minimiser_is_within_its_bound_and_not_far_below(options: dict[str, Any]) -> None:
    problem = by_gram(**options)
    assert problem.optimum is not None
    _, slope = exact.least_squares(problem)
    worst = 0.0
    with environment.numerics("cpu"):
        gradient = jax.jit(jax.grad(lambda point: full_risk(problem, point)))
        for seed in range(20):
            theta = problem.optimum.hi * (1.0 + 1e-9 * np.random.default_rng(seed).standard_normal(5))
            wanted = slope(exact.vector(theta))
            error = [float(exact.number(g) - w) for g, w in zip(np.asarray(gradient(theta)), wanted, strict=True)]
            worst = max(worst, float(np.linalg.norm(error)))
    assert worst <= float(problem.optimum.rounding) <= 1000 * worst


def test_gradient_descent_reads_no_row() -> None:
    with environment.numerics("cpu"):
        problem = jax.device_put(by_gram())

        def descend(theta: Any, problem: Any) -> Any:
            return jax.lax.fori_loop(
                0, 9, lambda _, p: p - 0.1 * jax.value_and_grad(lambda q: full_risk(problem, q))(p)[1], theta
            )

        for rows, form in ((False, problem), (True, jax.device_put(least_squares(**ROWS)))):
            text = jax.jit(descend).lower(problem.theta0, form).compile().as_text()
            assert ("f64[600]" in text) is rows


@pytest.mark.parametrize(
    ("optimizer", "small"),
    [
        ({"name": "gd", "step_size": "1/L"}, 1e-9),
        ({"name": "gd", "step_size": 3.0, "line_search": "backtracking"}, 1e-5),  # values of R lose half of the digits
    ],
)
def test_a_run_follows_the_one_by_rows(optimizer: dict[str, Any], small: float) -> None:
    """Roots of gaps that differ by no more than the two floors say, which rounding alone may do."""
    found = []
    for form in ("rows", "gram"):
        chosen = {"name": "least_squares", **ROWS, "condition": 30.0, "full_gradient": form}
        (trace,) = run(chosen, [optimizer], horizon=300)
        gaps = trace.measured["last"]["gap"][0]
        found.append((np.sqrt(gaps), np.sqrt(np.broadcast_to(trace.floor["last.gap"], gaps.shape))))
    (rows, floor), (gram, own) = found
    assert np.all(np.abs(gram - rows) <= floor + own)
    assert np.all(floor[1:] + own[1:] < small * rows[0])
    assert gram[-1] < 1e-3 * gram[0]


def test_what_cannot_be_is_told_in_a_line() -> None:
    with pytest.raises(ConvlabError, match=r"full_gradient = 'grams'; allowed: 'rows', 'gram'"):
        least_squares(**ROWS, full_gradient="grams")  # type: ignore[arg-type]
    with pytest.raises(ConvlabError, match="20 x 20 numbers a step, more than 8 rows of 20 twice; leave it out"):
        least_squares(data="synthetic", n=8, dimension=20, ridge=0.1, full_gradient="gram")


def test_data_have_no_derivative_there() -> None:
    problem = by_gram()
    with environment.numerics("cpu"), pytest.raises(TypeError, match="in theta alone"):
        jax.grad(lambda rows: _gram.least_squares_by_gram(problem.theta0, rows, problem.constants))(problem.data)
