"""The error bounds that certificates rest on, and the constants beside them: on the right side, against 60 digits."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest

from convlab.problems import _double as dd
from convlab.problems._enclosure import down, exactly, ln, moved, norm, power, up, weighted_squares
from convlab.problems._singular import singular_range
from convlab.problems.least_squares import least_squares
from convlab.problems.logistic import logistic
from convlab.problems.network import network
from convlab.problems.quadratic import quadratic

U2 = mpmath.mpf(2) ** -106
GENERATOR = np.random.default_rng(20240511)


def pairs(count: int, low: float, high: float) -> dd.Pair:
    hi = GENERATOR.uniform(low, high, count)
    return dd.two_sum(hi, hi * GENERATOR.uniform(-1, 1, count) * 2.0**-54)


def value(x: Any, y: Any) -> Any:
    return mpmath.mpf(float(x)) + mpmath.mpf(float(y))


CLAIMS: dict[str, tuple[Any, Any, Any, tuple[float, float]]] = {
    "exp": (dd.exp, mpmath.exp, lambda x, y: (30 + 8.3 * abs(x)) * y, (-600.0, 600.0)),
    "exp near 0": (dd.exp, mpmath.exp, lambda x, y: (30 + 8.3 * abs(x)) * y, (-0.4, 0.4)),
    "log1p": (dd.log1p, mpmath.log1p, lambda x, y: 56, (0.0, 1.0)),
    "sigmoid": (dd.sigmoid, lambda x: 1 / (1 + mpmath.exp(-x)), lambda x, y: (84 + 9 * abs(x)) * y, (-60.0, 60.0)),
    "softplus": (dd.softplus, lambda x: mpmath.log1p(mpmath.exp(x)), lambda x, y: 96 + 3 * abs(x), (-60.0, 60.0)),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_functions_in_double_double_keep_their_bounds(name: str) -> None:
    ours, true, claimed, (low, high) = CLAIMS[name]
    x = pairs(400, low, high)
    found, worst = ours(x), 0.0
    with mpmath.workdps(60):
        for a, b, c, d in zip(*x, *found, strict=True):
            at = value(a, b)
            error = abs(value(c, d) - true(at)) / U2
            assert error <= claimed(at, true(at)), (name, float(at))
            worst = max(worst, float(error / claimed(at, true(at))))
    assert worst > 1e-3  # the bound says something


@pytest.mark.parametrize(("name", "units"), [("add", 3), ("multiply", 8), ("divide", 12)])
def test_arithmetic_in_double_double_keeps_its_bounds(name: str, units: int) -> None:
    true = {"add": lambda a, b: a + b, "multiply": lambda a, b: a * b, "divide": lambda a, b: a / b}[name]
    x, y = pairs(2000, -3.0, 3.0), pairs(2000, -1.0, 2.0)
    with mpmath.workdps(60):
        for a, b, c, d, p, q in zip(*x, *y, *getattr(dd, name)(x, y), strict=True):
            exact = true(value(a, b), value(c, d))
            assert abs(value(p, q) - exact) <= (units + 1e-12) * U2 * abs(exact)


@pytest.mark.parametrize("condition", [1.0, 1e3, 1e9])
@pytest.mark.parametrize("shape", [(12, 4), (5, 9), (40, 6)])
def test_singular_values_lie_within_their_proven_range(shape: tuple[int, int], condition: float) -> None:
    X = GENERATOR.standard_normal(shape) * np.geomspace(1.0, 1.0 / condition, shape[1])
    low, high = singular_range(X, min(shape))
    with mpmath.workdps(60):
        true = sorted(mpmath.svd_r(mpmath.matrix(X.tolist()), compute_uv=False))
    assert low <= true[0] <= low * (1 + 1e-13 * condition)
    assert high * (1 - 1e-13) <= true[-1] <= high


def test_a_table_of_less_rank_has_no_least_singular_value() -> None:
    X = GENERATOR.standard_normal((20, 3)) @ GENERATOR.standard_normal((3, 5))
    assert singular_range(X)[0] <= 1e-13
    assert singular_range(X, 3)[0] > 0.1
    assert singular_range(np.zeros((3, 2))) == (0.0, 0.0)


def test_enclosures_are_outward_and_exact_where_they_can_be() -> None:
    third = Fraction(1, 3)
    assert Fraction(down(third)) < third < Fraction(up(third))
    assert down(Fraction(3, 4)) == up(Fraction(3, 4)) == 0.75
    assert down(Fraction(-1, 3)) == -up(third)
    for x in (2, Fraction(7, 3), Fraction(10) ** 60, Fraction(1, 10**60)):
        root = exactly(x).root()
        assert root.low**2 <= x <= root.high**2
        assert root.high - root.low <= root.high / 2**300
    assert exactly(Fraction(9, 16)).root() == exactly(Fraction(3, 4))
    with mpmath.workdps(70):
        for found, true in ((ln(7), mpmath.log(7)), (power(1.5, 2.75), mpmath.mpf(1.5) ** 2.75)):
            low, high = (mpmath.mpf(end.numerator) / end.denominator for end in found)
            assert low < true < high
            assert high - low < mpmath.mpf(10) ** -45
    assert power(1.5, 3) == exactly(Fraction(27, 8))
    assert moved(exactly(Fraction(1, 2)), 1, Fraction(1, 10)).high >= Fraction(121, 200)  # ½·1.1²


@pytest.mark.parametrize("count", [5, 3000])
def test_sums_of_squares_are_enclosed_whether_exact_or_doubled(count: int) -> None:
    hi, lo = pairs(count, -2.0, 2.0)
    weights = GENERATOR.uniform(0.0, 1e-3, count)
    exact = sum(
        (Fraction(w) * (Fraction(a) + Fraction(b)) ** 2 for w, a, b in np.column_stack([weights, hi, lo]).tolist()),
        Fraction(0),
    )  # fmt: skip
    for scale in (1.0, 1e-140, 1e70):
        found = weighted_squares(weights, hi * scale, lo * scale) if scale == 1.0 else norm(hi * scale, lo * scale)
        assert found.low <= found.high <= found.low * (1 + Fraction(1, 10**28))
    found = weighted_squares(weights, hi, lo)
    assert found.low <= exact <= found.high


def _csv(path: Path, rows: Any) -> str:
    path.write_text("\n".join(",".join(map(repr, row)) for row in rows) + "\n")
    return str(path)


def test_the_nearest_minimiser_of_dependent_columns(tmp_path: Path) -> None:
    """A column twice, and one that is a third of the sum of two: θ* = X⁺y in 60 digits, D its norm."""
    X = np.round(GENERATOR.standard_normal((9, 3)) * 64) * 3.0
    X = np.column_stack([X, X[:, 1], (X[:, 0] + X[:, 2]) / 3.0])
    y = np.round(GENERATOR.standard_normal(9), 3)
    problem = least_squares(data=_csv(tmp_path / "a.csv", np.column_stack([X, y]).tolist()))
    assert "rank 3 of 5, proven by 2 exact relations" in problem.certificate
    optimum, known = problem.optimum, problem.known["D"]
    with mpmath.workdps(60):
        A, b = mpmath.matrix(X.tolist()), mpmath.matrix(y.tolist())
        B = A[:, :3]  # X = B C, X⁺ = Cᵀ(CCᵀ)⁻¹(BᵀB)⁻¹Bᵀ
        C = mpmath.matrix([[1, 0, 0, 0, mpmath.mpf(1) / 3], [0, 1, 0, 1, 0], [0, 0, 1, 0, mpmath.mpf(1) / 3]])
        star = C.T * mpmath.lu_solve(C * C.T, mpmath.lu_solve(B.T * B, B.T * b))
        off = mpmath.norm(mpmath.matrix([value(h, low) for h, low in zip(optimum.hi, optimum.lo, strict=True)]) - star)
        assert off <= float(optimum.radius) <= 1e-24
        assert known.low <= mpmath.norm(star) <= known.value
        residual = A * star - b
        minimum = (residual.T * residual)[0] / 18
        assert float(optimum.risk_low) <= minimum <= float(optimum.risk_high)


def test_a_rank_that_cannot_be_proven_is_not_claimed(tmp_path: Path) -> None:
    """The third column is the sum of the first two but for rounding: the exact table has full rank, just about."""
    X = GENERATOR.standard_normal((8, 2))
    table = np.column_stack([X, X[:, 0] * (1.0 / 3.0) + X[:, 1] * 0.1, np.ones(8)])
    problem = least_squares(data=_csv(tmp_path / "a.csv", table.tolist()))
    assert problem.optimum is None
    assert "has minimiser" not in problem.traits
    assert "give a ridge" in problem.denied["has minimiser"]


def test_the_constants_are_on_the_right_side_in_60_digits() -> None:
    """G of logistic regression as it was, with 4u for 64 terms, could be too small; so could sigma_star, whose terms
    cancel."""
    problem = logistic(data="synthetic", n=12, dimension=4, ridge=0.05, data_seed=3)
    X, y = problem.data
    known, optimum = problem.known, problem.optimum
    plain = logistic(rows="standardised", intercept=True)
    flat = plain.known["G"].value
    table = plain.data[0]
    with mpmath.workdps(60):
        longest = table[int(np.linalg.norm(table, axis=1).argmax())]
        assert sum(Fraction(float(v)) ** 2 for v in longest) <= Fraction(flat) ** 2
        singular = max(mpmath.svd_r(mpmath.matrix(X.tolist()), compute_uv=False))
        ridge, largest = (
            mpmath.mpf(0.05),
            max(mpmath.fdot(row, row) for row in ([mpmath.mpf(float(v)) for v in r] for r in X)),
        )
        assert singular**2 / 48 + ridge <= known["L"].value <= (singular**2 / 48 + ridge) * (1 + 1e-13)
        assert largest / 4 + ridge <= known["L_max"].value <= (largest / 4 + ridge) * (1 + 1e-13)
        jerk = mpmath.sqrt(largest) * singular**2 / 12 / (6 * mpmath.sqrt(3))
        assert jerk <= known["M"].value <= jerk * (1 + 1e-13)
        theta = [value(h, low) for h, low in zip(optimum.hi, optimum.lo, strict=True)]
        squares = []
        for row, label in zip(X, y, strict=True):
            x, b = [mpmath.mpf(float(v)) for v in row], mpmath.mpf(float(label))
            slope = -b / (1 + mpmath.exp(b * mpmath.fdot(x, theta)))
            squares.append(sum((slope * v + ridge * t) ** 2 for v, t in zip(x, theta, strict=True)))
        sigma = mpmath.sqrt(mpmath.fsum(squares) / 12)
        assert sigma <= known["sigma_star"].value <= sigma * (1 + 1e-12)
    assert known["mu"].value == 0.05


def test_the_start_of_the_network_is_bounded_from_above() -> None:
    problem = network(hidden=3, rows=20)
    X, Y = problem.data
    W, V = problem.theta0["hidden"]["weights"], problem.theta0["output"]["weights"]
    with mpmath.workdps(40):
        total = mpmath.mpf(0)
        for x, one in zip(X, Y, strict=True):
            units = [mpmath.tanh(mpmath.fdot(map(float, x), map(float, W[:, k]))) for k in range(3)]
            logits = [mpmath.fdot(units, map(float, V[:, c])) for c in range(10)]
            total += mpmath.log(mpmath.fsum(map(mpmath.exp, logits))) - logits[int(one.argmax())]
        assert total / 20 <= problem.known["initial_gap"].value <= total / 20 * (1 + 1e-12)


@pytest.mark.parametrize("constraint", ["ball", "box", "simplex"])
def test_the_constants_of_sets_are_rounded_up(constraint: str) -> None:
    radius = None if constraint == "simplex" else 0.7
    theta0 = (0.3, 0.3, 0.4) if constraint == "simplex" else (0.1, 0.2, 0.3)
    known = quadratic(eigenvalues=(0.3, 0.7, 1.1), theta0=theta0, constraint=constraint, radius=radius).known
    L2, r2 = sum(Fraction(v) ** 2 for v in (0.3, 0.7, 1.1)), Fraction(0.7) ** 2
    G2 = {"ball": Fraction(1.1) ** 2 * r2, "box": L2 * r2, "simplex": Fraction(1.1) ** 2}[constraint]
    width2 = {"ball": 4 * r2, "box": 12 * r2, "simplex": Fraction(2)}[constraint]
    for name, square in (("G", G2), ("diameter", width2)):
        assert square <= Fraction(known[name].value) ** 2 <= square * (1 + Fraction(1, 10**15))
