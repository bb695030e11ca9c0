"""The support vector machine on collinear, repeated and unscaled rows: proven right, or refused with a sentence.

The truth is weak duality in rational numbers: D(α) <= R* <= R(θ) for every θ and every α in [0, 1].
"""

import warnings
from fractions import Fraction
from pathlib import Path

import jax
import numpy as np
import pytest

from convlab.core.errors import ConvlabError
from convlab.core.problem import Problem, risk_gap, risk_of
from convlab.problems import _rational_margin
from convlab.problems.hinge import hinge

gap_at = jax.jit(risk_gap)
REFUSED = (
    "no minimiser could be certified (columns badly scaled or dependent): increase the ridge or standardise the rows"
)


def _machine(path: Path, rows: np.ndarray, ridge: float, **more: object) -> Problem:
    path.write_text("\n".join(",".join(map(repr, row)) for row in np.asarray(rows, float).tolist()) + "\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return hinge(data=str(path), ridge=ridge, **more)


def _rows(problem: Problem) -> list[list[Fraction]]:
    X, y = problem.data
    return [[Fraction(value) for value in row] for row in (y[:, None] * X).tolist()]


def primal(problem: Problem, theta: list[Fraction]) -> Fraction:
    rows, ridge = _rows(problem), Fraction(float(problem.constants["ridge"]))
    margins = [sum(a * t for a, t in zip(row, theta, strict=True)) for row in rows]
    return sum(max(Fraction(0), 1 - m) for m in margins) / len(rows) + ridge / 2 * sum(t * t for t in theta)


def dual(problem: Problem) -> Fraction:
    rows, ridge = _rows(problem), Fraction(float(problem.constants["ridge"]))
    alpha = [Fraction(value) for value in np.asarray(problem.constants["alpha"]).tolist()]
    assert all(0 <= value <= 1 for value in alpha)
    sums = [sum(a * row[j] for a, row in zip(alpha, rows, strict=True)) for j in range(len(rows[0]))]
    return sum(alpha) / len(rows) - sum(s * s for s in sums) / (2 * ridge * len(rows) ** 2)


def check(problem: Problem) -> float:
    """R*, where the optimum and the gaps measured against it hold in rational numbers."""
    optimum = problem.optimum
    hi, lo = np.asarray(optimum.hi), np.asarray(optimum.lo)
    at = primal(problem, [Fraction(a) + Fraction(b) for a, b in zip(hi.tolist(), lo.tolist(), strict=True)])
    below, low, high = dual(problem), Fraction(float(optimum.risk_low)), Fraction(float(optimum.risk_high))
    assert at - below <= at * Fraction(1, 10**12)  # so both are R*, and θ* and α are right
    assert low <= at
    assert high >= below
    assert high - low <= high * Fraction(1, 10**15)
    generator = np.random.default_rng(1)
    for scale in (None, 1.0, 1e-3, 1e-6, 1e-9):
        theta = np.zeros_like(hi) if scale is None else hi * (1.0 + scale * generator.standard_normal(hi.size))
        truth = float(primal(problem, [Fraction(value) for value in theta.tolist()]) - at)
        assert abs(float(gap_at(theta, problem)) - truth) <= 1e-9 * truth + 1e-15 * float(at)
    return float(at)


COLLINEAR = [(-3, -3, -2, -1), (1, 1, -3, 1), (3, 3, -2, -1), (-2, -2, 0, -1), (-1, -1, -2, -1)]
UNSCALED = [(1e6, -1, 1), (9e6, 3, -1), (1e6, -2, -1), (7e6, -3, -1)]
SEPARABLE = [(3, 3, 6, -1), (2, -3, -1, 1), (-3, 3, 0, 1)]


@pytest.mark.parametrize(
    ("rows", "ridge", "minimum", "tolerance"),
    [(COLLINEAR, 1e-8, 0.65, 1e-8), (UNSCALED, 0.01, 0.40549, 2e-5), (SEPARABLE, 1e-8, 1.148e-8, 2e-4)],
)
def test_small_tables_of_unlike_scales_or_collinear_columns(
    tmp_path: Path, rows: list, ridge: float, minimum: float, tolerance: float
) -> None:
    problem = _machine(tmp_path / "a.csv", rows, ridge)
    assert check(problem) == pytest.approx(minimum, rel=tolerance)
    assert "rational numbers" in problem.certificate


def test_every_row_twice_with_both_labels_has_its_minimum_at_zero(tmp_path: Path) -> None:
    """max(0, 1 − m) + max(0, 1 + m) >= 2, with equality at θ = 0."""
    X = np.random.default_rng(0).standard_normal((10, 40))
    rows = np.column_stack([np.vstack([X, X]), np.repeat([1.0, -1.0], 10)])
    assert check(_machine(tmp_path / "a.csv", rows, 1e-6)) == 1.0


def test_one_hot_columns_and_an_intercept(tmp_path: Path) -> None:
    """As ridge -> 0 each column takes its majority's side: R* -> 2·(the minorities' share)."""
    generator = np.random.default_rng(0)
    group, y = generator.integers(0, 5, 50), generator.choice([-1.0, 1.0], 50)
    rows = np.column_stack([np.eye(5)[group], y])
    minority = sum(min((y[group == k] > 0).sum(), (y[group == k] < 0).sum()) for k in range(5))
    problem = _machine(tmp_path / "a.csv", rows, 1e-10, intercept=True)
    assert check(problem) == pytest.approx(2 * minority / 50, abs=1e-8)


@pytest.mark.parametrize("kind", ["unscaled", "repeated", "collinear", "unscaled and repeated"])
def test_random_tables_are_certified_and_right(tmp_path: Path, kind: str) -> None:
    rational = 0
    for seed in range(10):
        generator = np.random.default_rng(seed)
        X = generator.integers(-3, 4, (12, 4)).astype(float)
        if "repeated" in kind:
            X[6:] = X[:6]
        if kind == "collinear":
            X[:, 2:] = X[:, :2] @ generator.integers(-2, 3, (2, 2))
        if "unscaled" in kind:
            X *= 10.0 ** generator.integers(-6, 7, 4)
        y = generator.choice([-1.0, 1.0], 12)
        y[:2] = 1.0, -1.0
        problem = _machine(tmp_path / "a.csv", np.column_stack([X, y]), 10.0 ** -int(generator.integers(0, 10)))
        check(problem)
        rational += "rational numbers" in problem.certificate
    assert rational >= 3 or "unscaled" not in kind


def test_a_large_table_without_a_certificate_shows_no_gap(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    X = generator.standard_normal((400, 10)) * 10.0 ** generator.integers(-6, 7, 10)
    rows = np.column_stack([X, generator.choice([-1.0, 1.0], 400)])
    problem = _machine(tmp_path / "a.csv", rows, 1e-6, constraint="ball")
    assert problem.certificate == problem.denied["has minimiser"] == REFUSED
    assert problem.optimum is problem.gap is None
    assert "has minimiser" not in problem.traits
    assert "D" not in problem.known
    assert float(risk_of(problem, problem.theta0)) == 1.0
    assert 0.0 < problem.known["initial_gap"].value <= 1.0
    assert problem.known["initial_gap"].how == "upper bound"
    with pytest.raises(TypeError, match="no certified optimum"):
        risk_gap(problem.theta0, problem)
    with pytest.raises(ConvlabError, match=r"radius = 2\.0; theta\* is not certified"):
        _machine(tmp_path / "a.csv", rows, 1e-6, constraint="ball", radius=2.0)


def test_entries_of_extreme_size_are_answered(tmp_path: Path) -> None:
    """Numbers too long for the rational way, and a table of zeros in effect: R(0) = 1 is the minimum there."""
    X = np.random.default_rng(0).standard_normal((20, 3))
    y = np.resize([1.0, -1.0], 20)
    tiny = _machine(tmp_path / "a.csv", np.column_stack([1e-100 * X, y]), 1e-3)
    assert float(tiny.optimum.risk_low) <= 1.0 <= float(tiny.optimum.risk_high) <= 1.0 + 2.0**-50
    huge = _machine(tmp_path / "a.csv", np.column_stack([1e90 * X, y]), 1e-3)
    assert huge.certificate == REFUSED


def test_the_rational_dual_ends_at_the_minimum_from_any_start() -> None:
    """Rows that depend on each other, from every corner of {0, ½, 1}³: A_i α-slopes checked by hand."""
    A = np.array([[1.0, 0.0], [2.0, 0.0], [-1.0, 0.0]])
    for start in np.ndindex(3, 3, 3):
        alpha, _ = _rational_margin.exact_dual(A, 0.25, np.array(start) / 2.0)
        # R on the line: (max(0, 1 − t) + max(0, 1 − 2t) + 1 + t)/3 + t²/8 has slopes −2/3 + t/4 below ½, t/4 above
        assert Fraction(4, 3) * (alpha[0] + 2 * alpha[1] - alpha[2]) == Fraction(1, 2)
