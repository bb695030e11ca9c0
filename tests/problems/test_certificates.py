"""Minimisers, infima and constants: against closed forms, known values and exact arithmetic."""

import math
from pathlib import Path

import jax
import mpmath
import numpy as np
import pytest

from convlab.core.errors import ConvlabError
from convlab.core.problem import risk_gap, risk_of
from convlab.problems import _double as dd
from convlab.problems._separable import confirmed, separation
from convlab.problems.cubic import cubic
from convlab.problems.huber import huber
from convlab.problems.least_squares import least_squares
from convlab.problems.logistic import logistic
from convlab.problems.quadratic import quadratic


def _csv(path: Path, rows: list[list[float]]) -> str:
    path.write_text("\n".join(",".join(map(repr, row)) for row in rows) + "\n")
    return str(path)


def test_doubled_arithmetic_has_31_digits() -> None:
    x = np.array([-739.0, -40.5, -3.0, -0.25, -1e-9, 0.0, 1e-20, 0.1, 2.0, 33.3, 600.0])
    lo = x * 1e-17 / 3.0
    with mpmath.workdps(50):
        truth = [mpmath.mpf(float(a)) + mpmath.mpf(float(b)) for a, b in zip(x, lo, strict=True)]
        for ours, exact, unit in [
            (dd.exp, mpmath.exp, 1e-28),
            (dd.sigmoid, lambda v: 1 / (1 + mpmath.exp(-v)), 1e-28),
            (dd.softplus, lambda v: mpmath.log1p(mpmath.exp(v)), 0.0),
        ]:
            hi, low = ours((x, lo))
            for a, b, v in zip(hi, low, truth, strict=True):
                value, error = exact(v), abs(mpmath.mpf(float(a)) + mpmath.mpf(float(b)) - exact(v))
                if value > 1e-280:  # below, the low part underflows
                    assert error < unit * value + (0.0 if unit else 1e-30 * (1 + value))
        table = np.array([[0.1, 3.0, -2.0], [1e10, -7.0, 0.3]])
        theta = np.array([0.7, -1 / 3, 1e-5]), np.array([1e-18, 1e-18, -1e-23])
        for i, (a, b) in enumerate(zip(*dd.rows_times(table, theta), strict=True)):
            value = sum(
                mpmath.mpf(float(v)) * (mpmath.mpf(float(h)) + mpmath.mpf(float(low)))
                for v, h, low in zip(table[i], *theta, strict=True)
            )
            assert abs((mpmath.mpf(float(a)) + mpmath.mpf(float(b)) - value) / value) < 1e-30


def test_constants_of_breast_cancer() -> None:
    """Standardised, ridge 0.01: L_max = 105.5, sigma_star² = 0.233, ‖θ*‖ = 2.42."""
    known = {name: fact.value for name, fact in logistic(rows="standardised", ridge=0.01).known.items()}
    assert known["L_max"] == pytest.approx(105.54027, rel=1e-6)
    assert known["sigma_star"] ** 2 == pytest.approx(0.2333348, rel=1e-6)
    assert known["D"] == pytest.approx(2.4206626, rel=1e-6)
    assert known["mu"] == 0.01
    assert known["n"] == 569


def test_known_bounds_are_on_the_safe_side_and_tight() -> None:
    for problem in (logistic(rows="standardised", ridge=0.01), least_squares(rows="standardised", intercept=True)):
        X, _ = problem.data
        curvature = 0.25 if problem.name == "logistic" else 1.0
        ridge = float(problem.constants["ridge"])
        values = np.linalg.eigvalsh(X.T @ X / len(X))
        L = curvature * values[-1] + ridge
        assert L * (1 - 1e-14) <= problem.known["L"].value <= L * (1 + 1e-11)
        if problem.name == "least_squares":
            assert problem.known["mu"].value == pytest.approx(values[0], rel=1e-9)
    assert least_squares().known["mu"].how == "lower bound"


def test_separable_rows_have_no_minimiser(tmp_path: Path) -> None:
    problem = logistic(rows="standardised", intercept=True)
    assert "has minimiser" not in problem.traits
    assert problem.denied["has minimiser"].startswith("the rows are linearly separable (margin 0.00")
    assert problem.optimum.hi is None
    assert float(problem.optimum.risk_high) == 0.0
    assert {"D", "sigma_star"}.isdisjoint(problem.known)
    assert float(risk_gap(problem.theta0, problem)) == pytest.approx(math.log(2.0))
    for ridge in (1e-4, 1e-12, 1e-100):
        problem = logistic(rows="standardised", intercept=True, ridge=ridge)
        assert ("has minimiser" in problem.traits) == (ridge > 1e-50)
        assert all(math.isfinite(fact.value) for fact in problem.known.values())
    # x separates all rows but two, which share x = 0 and differ in their label
    path = _csv(tmp_path / "a.csv", [[-1.0, 0], [-2.0, 0], [0.0, 0], [0.0, 1], [1.0, 1], [3.0, 1]])
    half = logistic(data=path)
    assert "but for 2" in half.denied["has minimiser"]
    assert float(half.optimum.risk_low) == pytest.approx(math.log(2.0) / 3.0, rel=1e-15)
    quasi = logistic(data=path, intercept=True)
    assert float(quasi.optimum.risk_low) == pytest.approx(math.log(2.0) / 3.0, rel=1e-15)
    assert float(risk_of(quasi, np.array([60.0, 0.0]))) == pytest.approx(float(quasi.optimum.risk_high), rel=1e-12)


def test_a_separation_counts_only_when_its_signs_are_proven() -> None:
    A = np.array([[1.0, 1e-20], [-1.0, 1e-20]])
    found = confirmed(A, np.array([0.0, 1.0]))
    assert found is not None
    assert found.margin == 1e-20
    assert confirmed(A, np.array([1.0, 1.0])) is None
    assert confirmed(np.array([[0.1, 0.2, -0.3]]), np.ones(3)).margin > 0.0  # 0.1 + 0.2 − 0.3 > 0 in exact arithmetic
    assert confirmed(np.array([[0.1, 0.2, -0.3]]), -np.ones(3)) is None
    assert separation(np.array([[1.0], [-1.0]])) is None


def test_a_minimiser_without_ridge_is_proven_by_self_concordance(tmp_path: Path) -> None:
    """One feature, x = 1: R = (3 softplus(−θ) + softplus(θ))/4 is least at θ* = log 3."""
    path = _csv(tmp_path / "a.csv", [[1.0, 1], [1.0, 1], [1.0, 1], [1.0, 0]])
    problem = logistic(data=path)
    with mpmath.workdps(40):
        error = mpmath.mpf(float(problem.optimum.hi[0])) + mpmath.mpf(float(problem.optimum.lo[0])) - mpmath.log(3)
    assert abs(float(error)) <= float(problem.optimum.radius) < 1e-27
    assert "self-concordance" in problem.certificate
    assert problem.known["sigma_star"].value == pytest.approx(math.sqrt((3 * 0.25**2 + 0.75**2) / 4), rel=1e-14)


def test_zero_columns_do_not_hide_a_minimiser(tmp_path: Path) -> None:
    path = _csv(tmp_path / "a.csv", [[0.0, 1.0, 1], [0.0, 1.0, 1], [0.0, 1.0, 1], [0.0, 1.0, 0]])
    assert logistic(data=path).optimum.hi.tolist() == pytest.approx([0.0, math.log(3.0)])
    digits = least_squares(data="digits")
    assert digits.known["mu"].value == 0.0
    assert not digits.optimum.hi[0]
    assert "full column rank" in digits.certificate


def test_dependent_columns_without_ridge_are_not_certified(tmp_path: Path) -> None:
    path = _csv(tmp_path / "a.csv", [[1.0, 2.0, 0], [2.0, 4.0, 1], [-1.0, -2.0, 1], [3.0, 6.0, 0], [1.5, 3.0, 1]])
    problem = logistic(data=path)
    assert problem.optimum is None
    assert "no minimiser could be certified" in problem.denied["has minimiser"]
    squares = least_squares(data=path)
    assert "rank 1 of 2, proven by 1 exact relation between columns" in squares.certificate
    hi = squares.optimum.hi
    assert hi[1] == pytest.approx(2.0 * hi[0], rel=1e-14)  # the nearest minimiser to 0 lies in the row space


def test_interpolation_has_no_noise() -> None:
    problem = least_squares(data="synthetic", n=5, dimension=20)
    X, y = problem.data
    np.testing.assert_allclose(problem.optimum.hi, np.linalg.pinv(X) @ y, rtol=1e-12)
    assert problem.known["sigma_star"].value == 0.0
    assert float(problem.optimum.risk_high) == 0.0


def test_least_squares_equals_lapack() -> None:
    for kwargs in ({}, {"ridge": 0.01, "intercept": True}, {"data": "breast_cancer", "intercept": True}):
        problem = least_squares(**kwargs)
        X, y = problem.data
        ridge = float(problem.constants["ridge"])
        wide = np.vstack([X, math.sqrt(ridge * len(X)) * np.eye(X.shape[1])])
        theta = np.linalg.lstsq(wide, np.append(y, np.zeros(X.shape[1])), rcond=None)[0]
        np.testing.assert_allclose(problem.optimum.hi, theta, rtol=1e-6)


def test_quadratic_spectra_and_starts() -> None:
    assert quadratic(dimension=3, mu=0.01, L=1.0).constants["eigenvalues"].tolist() == pytest.approx([0.01, 0.1, 1.0])
    assert quadratic(dimension=3, mu=0.5, spectrum="linear").constants["eigenvalues"].tolist() == [0.5, 0.75, 1.0]
    one = quadratic(dimension=1, L=3.0)
    assert (one.known["L"].value, one.known["mu"].value, one.theta0.tolist()) == (3.0, 3.0, [1.0])
    assert quadratic(dimension=2, D=2.0, start="flattest").theta0.tolist() == [2.0, 0.0]
    assert quadratic(dimension=2, D=2.0, start="steepest").theta0.tolist() == [0.0, 2.0]
    flat = quadratic(eigenvalues=(0.0, 2.0), theta0=(3.0, 1.0))
    assert flat.optimum.hi.tolist() == [3.0, 0.0]
    assert flat.known["D"].value == 1.0
    assert "strongly convex" not in flat.traits


@pytest.mark.parametrize(
    ("says", "make"),
    [
        ("L = 0", lambda: quadratic(L=0.0)),
        ("mu = 2", lambda: quadratic(mu=2.0)),
        ("in dimension 1", lambda: quadratic(dimension=1, mu=0.5)),
        ("eigenvalues = -1", lambda: quadratic(eigenvalues=(-1.0, 1.0))),
        ("leave those out", lambda: quadratic(eigenvalues=(1.0,), mu=0.5)),
        ("theta0", lambda: quadratic(dimension=2, theta0=(1.0,))),
        ("dimension = 0", lambda: quadratic(dimension=0)),
        ("no logarithm", lambda: quadratic(mu=0.0)),
        ("kink = 0", lambda: huber(kink=0.0)),
        ("D = nan", lambda: huber(D=math.nan)),
        ("M = 0", lambda: cubic(M=0.0)),
    ],
)
def test_bad_numbers_are_answered(says: str, make) -> None:
    with pytest.raises(ConvlabError) as caught:
        make()
    assert says in str(caught.value)


def test_newton_on_the_cubic_attains_its_local_bound() -> None:
    problem = cubic(mu=0.5, M=2.0, D=1e-4)
    x = problem.theta0
    gradient = jax.grad(lambda v: risk_of(problem, v))(x)
    hessian = jax.hessian(lambda v: risk_of(problem, v))(x)
    after = float((x - gradient / hessian[0])[0])
    assert abs(after) / 1e-8 == pytest.approx(2.0 / (2.0 * 0.5), rel=1e-3)
    assert float(jax.hessian(lambda v: risk_of(problem, v))(np.zeros(1))[0, 0]) == 0.5


def test_gradient_descent_on_huber_is_the_worst_case() -> None:
    """Gap L·D²/(4T+2) after T steps of 1/L, with the kink at D/(2T+1) (Drori and Teboulle 2014)."""
    T, L, D = 10, 2.0, 3.0
    problem = huber(L=L, D=D, kink=D / (2 * T + 1))
    x = problem.theta0
    for _ in range(T):
        x = x - jax.grad(lambda v: risk_of(problem, v))(x) / L
    assert float(risk_gap(x, problem)) == pytest.approx(L * D**2 / (4 * T + 2), rel=1e-14)


def test_problems_are_built_from_numpy_arrays_whatever_jax_is_set_to() -> None:
    with jax.enable_x64(False):
        problem = logistic(data="synthetic", ridge=0.1)
    assert {leaf.dtype for leaf in jax.tree.leaves(problem)} == {np.dtype("float64")}


def test_constants_of_logistic_regression_are_attained(tmp_path: Path) -> None:
    """x = ±2 alone: L = L_max = ‖x‖²/4 at θ = 0, and R''' = M = |x|³/(6√3) where σ = 1/2 ± √3/6."""
    problem = logistic(data=_csv(tmp_path / "a.csv", [[2.0, 1], [2.0, 0], [2.0, 1]]))
    hessian = jax.hessian(lambda v: risk_of(problem, v))
    assert float(hessian(np.zeros(1))[0, 0]) == pytest.approx(problem.known["L"].value, rel=1e-12)
    assert problem.known["L_max"].value == pytest.approx(1.0, rel=1e-12)
    point = np.array([0.5 * math.log(2.0 + math.sqrt(3.0))])
    slope = (hessian(point + 1e-6) - hessian(point - 1e-6)) / 2e-6
    assert abs(float(slope[0, 0])) == pytest.approx(problem.known["M"].value, rel=1e-6)
