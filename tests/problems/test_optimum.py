"""θ*, R* and D of every problem against 60 digits, fractions or interval arithmetic, never against what made them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from convlab.core.problem import Problem
from convlab.problems.centroid import centroid
from convlab.problems.least_squares import least_squares
from convlab.problems.logistic import logistic
from tests.contracts.problem_cases import CASES, example

Vector = list[Any]
REAL: dict[str, Callable[[], Problem]] = {
    "breast_cancer, ridge": lambda: logistic(rows="standardised", ridge=0.01),
    "breast_cancer, tiny ridge": lambda: logistic(rows="unit norm", ridge=1e-6),
    "digits, classes": lambda: logistic(data="digits", ridge=0.1),
    "diabetes": least_squares,
    "diabetes, ridge": lambda: least_squares(rows="standardised", ridge=0.01, intercept=True),
    "digits, squares": lambda: least_squares(data="digits", ridge=0.5),
    "digits, no ridge": lambda: least_squares(data="digits"),
    "diabetes, mean": lambda: centroid(data="diabetes"),
}
OWN_TESTS = {"network", "single_neuron", "hinge", "lasso"}
WITH_TRUTH = [case for case in CASES if CASES[case][0] not in OWN_TESTS]


@functools.cache
def problem_of(name: str) -> Problem:
    return REAL[name]() if name in REAL else example(name)


def exact(array: Any) -> Vector:
    return [mpmath.mpf(float(value)) for value in np.asarray(array).ravel()]


def inner(a: Sequence[Any], b: Sequence[Any]) -> Any:
    return mpmath.fdot(a, b)


def linear_model(problem: Problem) -> tuple[Vector, Any]:
    """θ* and R* by Newton's method in 60 digits from the certified θ*, whatever that is."""
    X, y = (np.asarray(part) for part in problem.data)
    ridge, n = mpmath.mpf(float(problem.constants["ridge"])), len(X)
    used = np.any(X != 0.0, axis=0)
    rows, labels = [exact(row) for row in X[:, used]], exact(y)
    theta = exact(np.asarray(problem.optimum.hi)[used])
    logistic_loss = problem.name == "logistic"
    H = newton_matrix(X[:, used], y, np.array([float(v) for v in theta]), float(ridge), logistic_loss)
    inverse = np.linalg.inv(H)
    for _ in range(12):
        margins = [inner(row, theta) for row in rows]
        slopes = [
            -b / (1 + mpmath.exp(b * m)) if logistic_loss else m - b for m, b in zip(margins, labels, strict=True)
        ]
        g = [inner(column, slopes) / n + ridge * t for column, t in zip(zip(*rows, strict=True), theta, strict=True)]
        size = mpmath.sqrt(inner(g, g))
        if size < mpmath.mpf(10) ** -45:
            break
        step = inverse @ np.array([float(v / size) for v in g])
        theta = [t - size * mpmath.mpf(float(s)) for t, s in zip(theta, step, strict=True)]
    else:
        raise AssertionError("the independent Newton did not converge")
    losses = [
        mpmath.log1p(mpmath.exp(-b * m)) if logistic_loss else (m - b) ** 2 / 2
        for m, b in zip(margins, labels, strict=True)
    ]
    whole = [mpmath.mpf(0)] * X.shape[1]
    for j, value in zip(np.flatnonzero(used), theta, strict=True):
        whole[j] = value
    return whole, mpmath.fsum(losses) / n + ridge * inner(theta, theta) / 2


def newton_matrix(X: np.ndarray, y: np.ndarray, theta: np.ndarray, ridge: float, logistic_loss: bool) -> np.ndarray:
    margin = X @ theta
    weight = 0.25 / np.cosh(np.clip(margin / 2, -300, 300)) ** 2 if logistic_loss else np.ones(len(X))
    return np.asarray((X * weight[:, None]).T @ X / len(X) + ridge * np.eye(X.shape[1]))


def simplex(problem: Problem) -> tuple[Vector, Any]:
    inverse = [1 / value for value in exact(problem.constants["eigenvalues"])]
    total = mpmath.fsum(inverse)
    return [value / total for value in inverse], 1 / (2 * total)


def chain(problem: Problem) -> tuple[Vector, Any]:
    """The tridiagonal system by elimination."""
    weight, mu = (mpmath.mpf(float(problem.constants[name])) for name in ("weight", "mu"))
    d = len(problem.theta0)
    diagonal, right = [2 * weight + mu] * d, [weight] + [mpmath.mpf(0)] * (d - 1)
    for i in range(1, d):
        factor = weight / diagonal[i - 1]
        diagonal[i] -= factor * weight
        right[i] += factor * right[i - 1]
    x = [mpmath.mpf(0)] * d
    for i in reversed(range(d)):
        x[i] = (right[i] + (weight * x[i + 1] if i + 1 < d else 0)) / diagonal[i]
    return x, -weight * x[0] / 2


def largest_coordinate(problem: Problem) -> tuple[Vector, Any]:
    G, D, N = (
        mpmath.mpf(float(problem.constants["G"])),
        mpmath.mpf(float(problem.constants["D"])),
        len(problem.theta0),
    )
    return [-D / mpmath.sqrt(N)] * N, -G * D / mpmath.sqrt(N)


def mean_of_rows(problem: Problem) -> tuple[Vector, Any]:
    points, n = [exact(row) for row in np.asarray(problem.data)], problem.rows
    star = [mpmath.fsum(column) / n for column in zip(*points, strict=True)]
    weights = exact(problem.constants["eigenvalues"])
    terms = (w * (a - s) ** 2 for row in points for w, a, s in zip(weights, row, star, strict=True))
    return star, mpmath.fsum(terms) / (2 * n)


def softmax_model(problem: Problem) -> tuple[Vector, Any]:
    """s·log Σ exp: Newton's method with a float64 Hessian and gradients in 60 digits."""
    theta = exact(problem.optimum.hi)
    A, s = np.asarray(problem.constants["A"]), mpmath.mpf(float(problem.constants["scale"]))
    rows = [exact(row) for row in np.concatenate([A, -A])]
    for _ in range(12):
        value, p = log_sum(problem, theta)
        g = [inner(column, p) for column in zip(*rows, strict=True)]
        size = mpmath.sqrt(inner(g, g))
        if size < mpmath.mpf(10) ** -45:
            return theta, value
        weights, both = np.array([float(v) for v in p]), np.concatenate([A, -A])
        H = (both * weights[:, None]).T @ both / float(s)
        step = np.linalg.solve(H, np.array([float(v / size) for v in g]))
        theta = [t - size * mpmath.mpf(float(v)) for t, v in zip(theta, step, strict=True)]
    raise AssertionError("the independent Newton did not converge")


def log_sum(problem: Problem, theta: Vector) -> tuple[Any, Vector]:
    """The value and the softmax."""
    A, s = np.asarray(problem.constants["A"]), mpmath.mpf(float(problem.constants["scale"]))
    b = exact(problem.constants.get("b", np.zeros((2, len(A)))))
    powers = [mpmath.exp((inner(exact(row), theta) + c) / s) for row, c in zip(np.concatenate([A, -A]), b, strict=True)]
    total = mpmath.fsum(powers)
    return s * mpmath.log(total), [power / total for power in powers]


def at_zero(problem: Problem) -> tuple[Vector, Any]:
    """Zero, but where a coordinate is not curved: there the minimiser nearest to θ0 keeps θ0's."""
    star = [mpmath.mpf(0)] * np.asarray(ravel_pytree(problem.theta0)[0]).size
    if problem.name == "quadratic":
        flat = np.asarray(problem.constants["eigenvalues"]) == 0.0
        star = [x if still else mpmath.mpf(0) for x, still in zip(exact(problem.theta0), flat, strict=True)]
    return star, mpmath.mpf(0)


def truth(problem: Problem) -> tuple[Vector, Any]:
    if problem.name in ("logistic", "least_squares"):
        return linear_model(problem)
    if problem.name == "quadratic" and problem.project is not None and "radius" not in problem.constants:
        return simplex(problem)
    if problem.name == "rosenbrock":
        return [mpmath.mpf(1), mpmath.mpf(1)], mpmath.mpf(0)
    if problem.name == "log_sum_exp":
        return softmax_model(problem)
    known = {"nesterov_chain": chain, "max_coordinate": largest_coordinate, "centroid": mean_of_rows}
    return known.get(problem.name, at_zero)(problem)


@functools.cache
def solved(name: str) -> tuple[Vector, Any]:
    with mpmath.workdps(60):
        return truth(problem_of(name))


def check_minimum(optimum: Any, minimum: Any) -> None:
    """Exactly: mpmath compares float64 with 60 digits without rounding either."""
    low, high = mpmath.mpf(float(optimum.risk_low)), mpmath.mpf(float(optimum.risk_high))
    own = abs(minimum) * mpmath.mpf(10) ** -50  # the error of the 60 digits
    assert low - own <= minimum <= high + own, f"R* = {mpmath.nstr(minimum, 25)} is not in [{low}, {high}]"
    assert high - low <= mpmath.mpf("5e-16") * abs(minimum), f"width {float(high - low):.1e}"


@pytest.mark.parametrize("name", [*WITH_TRUTH, *REAL])
def test_the_minimum_lies_in_its_interval_of_two_or_three_units_in_the_last_place(name: str) -> None:
    with mpmath.workdps(60):
        check_minimum(problem_of(name).optimum, solved(name)[1])


@pytest.mark.parametrize("name", ["breast_cancer, ridge", "diabetes", "diabetes, mean", "nesterov_chain"])
def test_an_interval_that_is_off_by_one_part_in_10_to_the_12_is_found_out(name: str) -> None:
    optimum = problem_of(name).optimum
    assert optimum is not None
    for side in (-1.0, 1.0):
        ends = (np.asarray(end) * (1.0 + side * 1e-12) for end in (optimum.risk_low, optimum.risk_high))
        with mpmath.workdps(60), pytest.raises(AssertionError, match="is not in"):
            check_minimum(optimum._replace(**dict(zip(("risk_low", "risk_high"), ends, strict=True))), solved(name)[1])


@pytest.mark.parametrize("name", [*WITH_TRUTH, *REAL])
def test_the_minimiser_lies_within_the_radius(name: str) -> None:
    optimum, (star, _) = problem_of(name).optimum, solved(name)
    assert optimum is not None
    with mpmath.workdps(60):
        point = [a + b for a, b in zip(exact(optimum.hi), exact(optimum.lo), strict=True)]
        off = [a - b for a, b in zip(point, star, strict=True)]
        distance, length = mpmath.sqrt(inner(off, off)), mpmath.sqrt(inner(star, star))
        assert distance <= mpmath.mpf(float(optimum.radius))
        assert float(optimum.radius) <= 1e-18 * max(float(length), problem_of(name).known["D"].value)


@pytest.mark.parametrize("name", [*WITH_TRUTH, *REAL])
def test_the_distance_and_the_gap_of_the_start_lie_between_their_ends(name: str) -> None:
    problem, (star, minimum) = problem_of(name), solved(name)
    with mpmath.workdps(60):
        start = exact(ravel_pytree(problem.theta0)[0])
        e = [a - b for a, b in zip(start, star, strict=True)]
        enclosed(problem, "D", mpmath.sqrt(inner(e, e)))
        enclosed(problem, "initial_gap", value_at(problem, start, e) - minimum)


def enclosed(problem: Problem, name: str, number: Any) -> None:
    known = problem.known[name]
    assert known.how in ("exact", "computed")
    low = known.value if known.low is None else known.low
    own = abs(number) * mpmath.mpf(10) ** -50  # the error of the 60 digits
    assert mpmath.mpf(low) - own <= number <= mpmath.mpf(known.value) + own, (
        f"{name} = {mpmath.nstr(number, 25)}: {known}"
    )
    assert (known.how == "exact") == (known.low is None)
    # bounded in float64 arithmetic for log_sum_exp, in double-double or fractions elsewhere
    assert known.value - low <= (1e-13 if problem.name == "log_sum_exp" else 3e-15) * known.value


def value_at(problem: Problem, start: Vector, e: Vector) -> Any:
    """R(θ0) in 60 digits, from the problem's formula as its docstring states it."""
    c = {name: exact(value) for name, value in problem.constants.items()} if problem.constants else {}
    number = {name: values[0] for name, values in c.items() if len(values) == 1}
    x = start[0]
    match problem.name:
        case "logistic" | "least_squares":
            X, y = problem.data
            if problem.name == "logistic":
                return mpmath.log(2)
            return mpmath.fsum(b * b for b in exact(y)) / (2 * len(X))
        case "quadratic":
            return inner(c["eigenvalues"], [v * v for v in start]) / 2
        case "coordinates":
            return inner(exact(np.diag(problem.data)), [v * v for v in start]) / (2 * len(start))
        case "centroid":
            points = [exact(row) for row in np.asarray(problem.data)]
            squares = (w * (t - a) ** 2 for row in points for w, t, a in zip(c["eigenvalues"], start, row, strict=True))
            return mpmath.fsum(squares) / (2 * len(points))
        case "nesterov_chain":
            return mpmath.mpf(0)
        case "max_coordinate":
            return mpmath.mpf(0)
        case "log_sum_exp":
            return log_sum(problem, start)[0]
        case "huber":
            L, k = number["L"], number["kink"]
            return L / 2 * x**2 if x <= k else L * k * (x - k / 2)
        case "absolute":
            return number["G"] * x + number["mu"] / 2 * x**2
        case "cubic":
            return number["mu"] / 2 * x**2 + number["M"] / 6 * x**3
        case "power":
            return x ** number["p"] / number["p"]
        case "pl_sine":
            return x**2 + 3 * mpmath.sin(x) ** 2
        case "log_barrier":
            return x - mpmath.log1p(x)
        case "rosenbrock":
            return (1 - x) ** 2 + number["b"] * (start[1] - x**2) ** 2
        case "shrinkage":
            return number["mu"] / 2 * x**2 + number["l1"] * x
        case "zigzag":
            return zigzag_at(x, number)
    raise AssertionError(f"no formula for {problem.name}")


def zigzag_at(x: Any, number: dict[str, Any]) -> Any:
    """The integral of the slope g − L·min(s, w − s), piece by piece."""
    L, g, w, bowl, T = (number[name] for name in ("L", "g", "width", "bowl", "segments"))
    value, left = L / 2 * bowl**2, x - bowl
    for _ in range(int(T)):
        for slope, curvature in ((g, -L), (g - L * w / 2, L)):
            s = min(left, w / 2)
            value, left = value + slope * s + curvature * s**2 / 2, left - s
    return value + g * left


def test_no_problem_is_left_out() -> None:
    """Those without a truth here are tested elsewhere, or claim no minimum."""
    assert {CASES[case][0] for case in CASES} - {CASES[case][0] for case in WITH_TRUTH} <= OWN_TESTS
