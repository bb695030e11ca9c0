"""The support vector machine against sklearn, closed forms, and the optimality system in 60 digits."""

import functools
import math
from pathlib import Path

import jax
import numpy as np
import pytest
from exact import agrees, dot, mp, number, vector
from sklearn.svm import LinearSVC

from convlab.core.errors import ConvlabError
from convlab.core.problem import Problem, risk_gap, risk_of
from convlab.problems import _double as dd
from convlab.problems import _margin
from convlab.problems.hinge import hinge

gap_at = jax.jit(risk_gap)


def _csv(path: Path, rows: list[list[float]]) -> str:
    path.write_text("\n".join(",".join(map(repr, row)) for row in rows) + "\n")
    return str(path)


def by_sklearn(problem: Problem) -> np.ndarray:
    X, y = problem.data
    C = 1.0 / (len(y) * float(problem.constants["ridge"]))
    model = LinearSVC(C=C, loss="hinge", fit_intercept=False, tol=1e-11, max_iter=1_000_000, random_state=0)
    return np.asarray(model.fit(X, y).coef_[0])


class Exact:
    """The dual in 60 digits on sklearn's margin rows, and the conditions that prove it right."""

    def __init__(self, problem: Problem) -> None:
        X, y = problem.data
        A = y[:, None] * X
        self.rows = [vector(row) for row in A]
        self.ridge, n, d = number(problem.constants["ridge"]), len(y), X.shape[1]
        margins = A @ by_sklearn(problem)
        on = [int(i) for i in np.flatnonzero(np.abs(margins - 1.0) < 1e-5)]
        below = [int(i) for i in np.flatnonzero(margins < 1.0) if i not in on]
        base = [mp.fsum(self.rows[i][j] for i in below) for j in range(d)]
        G, right = mp.matrix(len(on), len(on)), mp.matrix(len(on), 1)
        for a, i in enumerate(on):
            right[a] = n * self.ridge - dot(self.rows[i], base)
            for b, k in enumerate(on):
                G[a, b] = dot(self.rows[i], self.rows[k])
        alpha = mp.lu_solve(G, right)
        assert all(0 < value < 1 for value in alpha)
        self.theta_star = [
            (base[j] + mp.fsum(alpha[a] * self.rows[i][j] for a, i in enumerate(on))) / (n * self.ridge)
            for j in range(d)
        ]
        for i, row in enumerate(self.rows):
            margin = dot(row, self.theta_star)
            assert i in on or (margin < 1 if i in below else margin > 1)
        self.minimum = self.risk(self.theta_star)

    def risk(self, theta):
        loss = mp.fsum(max(mp.mpf(0), 1 - dot(row, theta)) for row in self.rows) / len(self.rows)
        return loss + self.ridge / 2 * dot(theta, theta)

    def gap(self, theta):
        return self.risk(vector(theta)) - self.minimum


CASES = {
    "synthetic": {"data": "synthetic", "n": 20, "dimension": 3, "ridge": 0.05, "data_seed": 1},
    "in its ball": {"data": "synthetic", "n": 60, "dimension": 6, "ridge": 0.01, "data_seed": 4, "constraint": "ball"},
    "more columns than rows": {"data": "synthetic", "n": 12, "dimension": 30, "ridge": 0.02, "data_seed": 2},
    "breast_cancer": {"rows": "standardised", "ridge": 0.01},
}


@functools.cache
def case(name: str) -> tuple[Problem, Exact]:
    problem = hinge(**CASES[name])
    return problem, Exact(problem)


@pytest.mark.parametrize("name", CASES)
def test_the_minimiser_the_interval_and_the_distance_are_those_of_the_exact_optimality_system(name: str) -> None:
    problem, exact = case(name)
    agrees(problem, exact.theta_star, exact.minimum)
    assert 1 - exact.minimum <= problem.known["initial_gap"].value <= (1 - exact.minimum) * (1 + mp.mpf(10) ** -13)
    assert problem.known["D"].value <= 1.0 / math.sqrt(float(problem.constants["ridge"]))


@pytest.mark.parametrize("name", CASES)
def test_the_gap_is_right_to_1e_12_down_to_the_nearest_points_of_float64(name: str) -> None:
    """R has a kink at θ*: the gap falls as the distance does, to 1e-17 or so; also across the rows on the margin, where
    a plain product x_i·(θ − θ*) keeps no digit."""
    problem, exact = case(name)
    hi, generator = np.asarray(problem.optimum.hi), np.random.default_rng(7)
    size, least, start = problem.known["D"].value, math.inf, float(exact.risk(problem.theta0))
    across = np.linalg.svd(problem.data[0][np.asarray(problem.constants["loss"]) == 0.0])[2]
    for scale in (10.0, 1.0, 1e-2, 1e-5, 1e-7, 1e-9, 1e-12, 1e-14, 1e-15, 0.0):
        for step in (generator.standard_normal(hi.size), across[-1]):
            theta = hi + scale * size * step / np.linalg.norm(step)
            truth = exact.gap(theta)
            least = min(least, float(truth / start))
            assert abs(float((mp.mpf(float(gap_at(theta, problem))) - truth) / truth)) <= 1e-12
    assert least < 1e-15


def test_sklearn_finds_the_same_minimiser() -> None:
    for arguments in CASES.values():
        problem = hinge(**arguments)
        coefficients, star = by_sklearn(problem), np.asarray(problem.optimum.hi)
        np.testing.assert_allclose(coefficients, star, rtol=0, atol=1e-6 * np.abs(star).max())
        assert 0.0 <= float(gap_at(coefficients, problem)) <= 1e-8


def test_one_feature_in_closed_form(tmp_path: Path) -> None:
    """Rows x = 1 with labels +, +, +, −: on [−1, 1] R = (3(1 − θ) + 1 + θ)/4 + (ridge/2)θ², θ* = min(1/(2 ridge), 1).

    At ridge = 0.25 the three rows lie on the margin, and their dual is not one point: the duality gap proves θ* = 1.
    """
    path = _csv(tmp_path / "a.csv", [[1.0, 1], [1.0, 1], [1.0, 1], [1.0, 0]])
    inside = hinge(data=path, ridge=1.0)
    assert inside.optimum.hi.tolist() == [0.5]
    assert float(inside.optimum.risk_low) <= 0.875 <= float(inside.optimum.risk_high) <= 0.875 * (1 + 2.0**-51)
    kink = hinge(data=path, ridge=0.25)
    assert kink.optimum.hi.tolist() == pytest.approx([1.0], abs=1e-15)
    assert "not certain" in kink.certificate
    assert abs(float(kink.optimum.hi[0] + kink.optimum.lo[0]) - 1.0) <= float(kink.optimum.radius) < 1e-12
    assert float(kink.optimum.risk_low) <= 0.5 + 0.125 <= float(kink.optimum.risk_high)


def test_the_subgradient_at_the_kink_is_that_of_the_side_without_loss(tmp_path: Path) -> None:
    problem = hinge(data=_csv(tmp_path / "a.csv", [[2.0, 1], [-2.0, 0]]), ridge=0.5)
    slope = jax.grad(functools.partial(risk_of, problem))
    assert slope(np.array([0.5])).tolist() == [0.25]  # ridge·θ alone: both margins are 1
    assert slope(np.array([0.5 - 2.0**-53])).tolist() == pytest.approx([0.25 - 2.0])


def test_the_duality_gap_holds_r_star_at_any_point() -> None:
    """[D(α), R(θ)] is an interval for R* for every α and θ, α cut to [0, 1]."""
    problem, exact = case("synthetic")
    X, y = problem.data
    A, ridge, generator = y[:, None] * X, 0.05, np.random.default_rng(3)
    for scale in (10.0, 1.0, 1e-3, 1e-9):
        theta = np.asarray(problem.optimum.hi) + scale * generator.standard_normal(3)
        alpha = np.asarray(problem.constants["alpha"]) + scale * generator.standard_normal(20)
        loss = dd.add(dd.pair(np.ones(20)), dd.negative(dd.rows_times(A, dd.pair(theta))))
        low, high = _margin._interval(A, ridge, dd.pair(alpha), dd.pair(theta), loss).ends()
        assert mp.mpf(low) <= exact.minimum <= mp.mpf(high)
        assert high == pytest.approx(float(risk_of(problem, theta)), rel=1e-14)
    assert high - low < 1e-6


def test_g_on_the_ball_is_attained_by_aligned_rows(tmp_path: Path) -> None:
    """Rows ±x of matching labels at θ = −ρ x/‖x‖: all lose, and their slopes add to the ridge's."""
    problem = hinge(data=_csv(tmp_path / "a.csv", [[3.0, 4.0, 1], [-3.0, -4.0, 0]]), ridge=0.25, constraint="ball")
    assert problem.known["diameter"].value == pytest.approx(4.0, rel=1e-14)
    slope = jax.grad(functools.partial(risk_of, problem))(np.array([-1.2, -1.6]))
    assert float(np.linalg.norm(slope)) == pytest.approx(5.5, rel=1e-14)
    assert problem.known["G"].value == pytest.approx(5.5, rel=1e-13)
    assert problem.known["G_max"].value == pytest.approx(5.5, rel=1e-13)


@pytest.mark.parametrize(
    ("says", "arguments"),
    [
        ("ridge = 0.0; it must be positive", {"ridge": 0.0}),
        ("constraint = 'box'; allowed: ball", {"constraint": "box"}),
        ("only constraint = 'ball' has one", {"radius": 2.0}),
        ("it must exceed ‖theta*‖ = 1.8024", {"constraint": "ball", "radius": 1.5}),
        ("labels must be −1/1 or 0/1", {"data": "diabetes"}),
    ],
)
def test_bad_numbers_are_answered_in_one_line(says: str, arguments: dict) -> None:
    with pytest.raises(ConvlabError) as caught:
        hinge(**{"rows": "standardised", **arguments})
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
