"""The lasso against sklearn, closed forms, and the optimality system in 60 digits."""

import functools
import math
from pathlib import Path

import jax
import numpy as np
import pytest
from exact import agrees, dot, mp, number, vector
from sklearn.linear_model import ElasticNet, Lasso

from convlab.core.errors import ConvlabError
from convlab.core.problem import Problem, risk_gap, risk_of
from convlab.problems import _double as dd
from convlab.problems import _sparse
from convlab.problems.lasso import lasso

gap_at = jax.jit(risk_gap)


def _csv(path: Path, rows: list[list[float]]) -> str:
    path.write_text("\n".join(",".join(map(repr, row)) for row in rows) + "\n")
    return str(path)


class Exact:
    """The lasso in 60 digits: the linear system on sklearn's support, and the conditions that prove it right."""

    def __init__(self, problem: Problem) -> None:
        X, y = problem.data
        self.rows, self.y = [vector(row) for row in X], vector(y)
        self.columns = list(zip(*self.rows, strict=True))
        self.ridge, self.l1 = number(problem.constants["ridge"]), number(problem.constants["l1"])
        signs = np.sign(by_sklearn(problem))
        S = [int(j) for j in np.flatnonzero(signs)]
        n = len(self.y)
        H = mp.matrix(len(S), len(S))
        right = mp.matrix(len(S), 1)
        for a, j in enumerate(S):
            right[a] = dot(self.columns[j], self.y) / n - self.l1 * int(signs[j])
            for b, k in enumerate(S):
                H[a, b] = dot(self.columns[j], self.columns[k]) / n + (self.ridge if j == k else 0)
        found = mp.lu_solve(H, right)
        self.theta_star = [mp.mpf(0)] * X.shape[1]
        for a, j in enumerate(S):
            self.theta_star[j] = found[a]
            assert found[a] * int(signs[j]) > 0
        self.slope = self.gradient(self.theta_star)
        assert all(abs(self.slope[j]) < self.l1 for j in range(X.shape[1]) if j not in S)
        self.minimum = self.risk(self.theta_star)

    def gradient(self, theta):
        residual = [dot(row, theta) - v for row, v in zip(self.rows, self.y, strict=True)]
        pairs = zip(self.columns, theta, strict=True)
        return [dot(column, residual) / len(self.y) + self.ridge * t for column, t in pairs]

    def risk(self, theta):
        loss = mp.fsum((dot(row, theta) - v) ** 2 for row, v in zip(self.rows, self.y, strict=True)) / 2 / len(self.y)
        return loss + self.ridge / 2 * dot(theta, theta) + self.l1 * mp.fsum(abs(t) for t in theta)

    def gap(self, theta):
        return self.risk(vector(theta)) - self.minimum


def by_sklearn(problem: Problem) -> np.ndarray:
    X, y = problem.data
    l1, ridge = float(problem.constants["l1"]), float(problem.constants["ridge"])
    options = {"fit_intercept": False, "tol": 1e-12, "max_iter": 1_000_000}
    model = ElasticNet(alpha=l1 + ridge, l1_ratio=l1 / (l1 + ridge), **options) if ridge else Lasso(alpha=l1, **options)
    return np.asarray(model.fit(X, y).coef_)


CASES = {
    "synthetic": {"data": "synthetic", "n": 20, "dimension": 4, "l1_over_max": 0.3, "data_seed": 1},
    "with a ridge": {"data": "synthetic", "n": 20, "dimension": 4, "l1": 0.2, "ridge": 0.05, "data_seed": 1},
    "more columns than rows": {"data": "synthetic", "n": 8, "dimension": 20, "l1_over_max": 0.1, "data_seed": 2},
    "diabetes": {"data": "diabetes", "rows": "standardised", "l1_over_max": 0.1},
    "diabetes, nearly all": {"data": "diabetes", "l1_over_max": 0.001},
}


@functools.cache
def case(name: str) -> tuple[Problem, Exact]:
    problem = lasso(**CASES[name])
    return problem, Exact(problem)


@pytest.mark.parametrize("name", CASES)
def test_the_minimiser_the_interval_and_the_distance_are_those_of_the_exact_optimality_system(name: str) -> None:
    problem, exact = case(name)
    agrees(problem, exact.theta_star, exact.minimum)
    assert exact.gap(problem.theta0) <= problem.known["initial_gap"].value
    np.testing.assert_array_equal(problem.optimum.hi == 0.0, [t == 0 for t in exact.theta_star])


@pytest.mark.parametrize("name", CASES)
def test_the_gap_is_right_to_1e_12_down_to_1e_30(name: str) -> None:
    """Along the support, off it, and both, to 1e-30·R(θ0): the nearest points of float64 are not farther."""
    problem, exact = case(name)
    hi, generator = np.asarray(problem.optimum.hi), np.random.default_rng(7)
    size, least, start = problem.known["D"].value, math.inf, float(exact.risk(problem.theta0))
    for scale in (1.0, 1e-2, 1e-5, 1e-9, 1e-12, 1e-14, 1e-15, 0.0):
        for mask in (np.ones_like(hi), hi != 0.0, hi == 0.0):
            step = generator.standard_normal(hi.size) * mask
            theta = hi + scale * size * step / max(float(np.linalg.norm(step)), 1e-300)
            truth = exact.gap(theta)
            if truth < mp.mpf(10) ** -30 * start:
                continue
            least = min(least, float(truth / start))
            assert abs(float((mp.mpf(float(gap_at(theta, problem))) - truth) / truth)) <= 1e-12
    assert least < (1e-27 if (hi != 0.0).sum() > 1 else 1e-14)


def test_sklearn_finds_the_same_minimiser() -> None:
    for arguments in (*CASES.values(), {"data": "digits", "l1_over_max": 0.02}):
        problem = lasso(**arguments)
        coefficients, star = by_sklearn(problem), np.asarray(problem.optimum.hi)
        np.testing.assert_allclose(coefficients, star, rtol=0, atol=1e-7 * np.abs(star).max())
        np.testing.assert_array_equal(coefficients != 0.0, star != 0.0)
        assert 0.0 <= float(gap_at(coefficients, problem)) <= 1e-10 * float(problem.optimum.risk_high)


def test_orthogonal_columns_are_shrunk_one_by_one(tmp_path: Path) -> None:
    """X = √n I: θ*_j = max(|c_j| − λ, 0) sign c_j / (1 + ridge), c = Xᵀy/n, in exact halves."""
    path = _csv(tmp_path / "a.csv", [[2.0, 0.0, 0.0, 0.0, 3.0], [0.0, 2.0, 0.0, 0.0, -1.0], [0.0, 0.0, 2.0, 0.0, 0.25],
                                     [0.0, 0.0, 0.0, 2.0, -4.0]])  # fmt: skip
    problem = lasso(data=path, l1=0.25)
    assert problem.optimum.hi.tolist() == [1.25, -0.25, 0.0, -1.75]
    assert problem.optimum.lo.tolist() == [0.0] * 4
    least = (9 + 1 + 1 / 16 + 16) / 8 - (1.25**2 + 0.25**2 + 1.75**2) / 2
    assert float(problem.optimum.risk_low) <= least <= float(problem.optimum.risk_high) <= least * (1 + 2.0**-51)
    assert lasso(data=path, l1=0.25, ridge=1.0).optimum.hi.tolist() == [0.625, -0.125, 0.0, -0.875]


def test_the_duality_gap_holds_r_star_at_any_point() -> None:
    """[D(ν), R(θ)] is an interval for R* wherever it is computed, and closes as θ comes near θ*."""
    generator = np.random.default_rng(3)
    for name in ("synthetic", "with a ridge", "more columns than rows"):
        problem, exact = case(name)
        star, size = np.asarray(problem.optimum.hi), problem.known["D"].value
        X, y = problem.data
        l1, ridge = float(problem.constants["l1"]), float(problem.constants["ridge"])
        widths = []
        for scale in (3.0, 0.1, 1e-4, 1e-8):
            theta = star + scale * size * generator.standard_normal(X.shape[1])
            low, high = _sparse._interval(X, y, l1, ridge, dd.pair(theta)).ends()
            assert mp.mpf(low) <= exact.minimum <= mp.mpf(high)
            assert high == pytest.approx(float(risk_of(problem, theta)), rel=1e-14)
            widths.append(high - low)
        assert widths[-1] < 1e-3 * widths[-2] < 1e-6 * widths[0]


def test_of_minimisers_that_are_many_the_nearest_is_taken(tmp_path: Path) -> None:
    """Columns 1, 2 and 4 are equal up to the sign: θ_1 + θ_2 − θ_4 is known, and each is a third of it."""
    columns = np.array([[1.0, 0.5], [-1.0, 1.0], [2.0, -0.25], [0.5, 0.125]])
    a, b = columns.T
    y = np.array([2.0, -1.0, 3.0, 1.5])
    path = _csv(tmp_path / "a.csv", np.stack([a, a, b, -a, y], axis=1).tolist())
    problem = lasso(data=path, l1=0.125)
    single = lasso(data=_csv(tmp_path / "b.csv", np.stack([a, b, y], axis=1).tolist()), l1=0.125)
    exact = Exact(single)
    third = exact.theta_star[0] / 3
    wanted = [third, third, exact.theta_star[1], -third]
    agrees(problem, wanted, exact.minimum)
    assert float(problem.optimum.radius) < 1e-28
    assert {"has minimiser"} <= problem.traits
    assert "strongly convex" not in problem.traits
    assert "2 columns repeat others" in problem.certificate
    # any other split is a minimiser too, farther from 0; elsewhere the gap is the plain difference
    w = float(exact.theta_star[0])
    for theta in ([w, 0.0, float(wanted[2]), 0.0], [0.5 * w, 0.25 * w, float(wanted[2]), -0.25 * w]):
        assert abs(float(gap_at(np.array(theta), problem))) <= 1e-15
        assert np.linalg.norm(theta) > problem.known["D"].value
    theta = np.array([0.3, -0.2, 0.1, 0.4])
    plain = float(risk_of(problem, theta)) - float(problem.optimum.risk_low)
    assert float(gap_at(theta, problem)) == pytest.approx(plain, rel=1e-12)
    ridged = lasso(data=path, l1=0.125, ridge=0.1)
    assert ridged.optimum.hi[0] == pytest.approx(ridged.optimum.hi[1], rel=1e-15)
    assert "only minimiser" in ridged.certificate


def test_minimisers_that_are_many_in_another_way_are_not_told_as_one(tmp_path: Path) -> None:
    """The third column is the mean of the others, which has |g_j| = λ as they have: weights may move to it and back.
    R* is known, D is not."""
    rows = [[3.0, 0.0, 1.5, 2.0], [0.0, 3.0, 1.5, 2.0], [0.0, 0.0, 0.0, 1.0]]
    problem = lasso(data=_csv(tmp_path / "a.csv", rows), l1=0.5)
    assert problem.optimum.hi is None
    assert "has minimiser" not in problem.traits
    assert "not at one point only" in problem.denied["has minimiser"]
    assert {"D", "sigma_star"}.isdisjoint(problem.known)
    # (3θ − 2)²/3 + θ at θ_1 = θ_2 = θ, least at θ = 1/2, and the third row's 1/6
    assert float(problem.optimum.risk_low) <= 0.25 / 3 + 0.5 + 1 / 6 <= float(problem.optimum.risk_high) + 1e-16


def test_at_a_breakpoint_of_the_path_the_support_is_not_claimed(tmp_path: Path) -> None:
    """|g_2| = λ exactly, θ_2 = 0: no strict sign, but full column rank and the duality gap prove θ* = (1, 0)."""
    path = _csv(tmp_path / "a.csv", [[2.0, 0.0, 0.0, 0.0, 3.0], [0.0, 2.0, 0.0, 0.0, 1.0], [0.0, 0.0, 2.0, 0.0, 0.0],
                                     [0.0, 0.0, 0.0, 2.0, 0.0]])  # fmt: skip
    problem = lasso(data=path, l1=0.5)
    assert problem.optimum.hi.tolist() == [1.0, 0.0, 0.0, 0.0]
    assert "duality gap: |theta" in problem.certificate
    assert 0.0 < float(problem.optimum.radius) < 1e-6


@pytest.mark.parametrize(
    ("says", "arguments"),
    [
        ("give one of l1 and l1_over_max", {}),
        ("give one of l1 and l1_over_max", {"l1": 0.1, "l1_over_max": 0.1}),
        ("l1 = 0.0; it must be positive", {"l1": 0.0}),
        ("l1_over_max = 0.0; it must be positive", {"l1_over_max": 0.0}),
        ("l1_over_max = 1.0: from l1 = 2.14", {"l1_over_max": 1.0}),
        ("l1 = 3.0: from l1 = 2.14", {"l1": 3.0}),
        ("ridge = -1.0; it must not be negative", {"l1": 0.1, "ridge": -1.0}),
        ("is no data set", {"data": "diabets", "l1": 0.1}),
    ],
)
def test_bad_weights_are_answered_in_one_line(says: str, arguments: dict) -> None:
    with pytest.raises(ConvlabError) as caught:
        lasso(**arguments)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
