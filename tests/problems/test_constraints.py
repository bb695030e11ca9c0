"""Projections against bisection in 50 digits and a quadratic program; quadratics on a set against brute force."""

import math

import jax
import mpmath
import numpy as np
import pytest
from scipy.optimize import minimize

from convlab.core.errors import ConvlabError
from convlab.core.problem import risk_gap, risk_of
from convlab.problems._constraints import ball, box, simplex
from convlab.problems.quadratic import quadratic

SIZES = (1e-3, 0.5, 1.0, 30.0, 1e8, 1e200)
U = 2.0**-53


def _simplex_by_bisection(x: np.ndarray) -> np.ndarray:
    """max(x − τ, 0) with the τ at which it sums to 1, by bisection: the sum falls in τ."""
    with mpmath.workdps(260):
        exact = [mpmath.mpf(float(v)) for v in x]
        low, high = max(exact) - 1, max(exact)
        for _ in range(200):
            tau = (low + high) / 2
            if mpmath.fsum(max(v - tau, 0) for v in exact) > 1:
                low = tau
            else:
                high = tau
        return np.array([float(max(v - low, 0)) for v in exact])


@pytest.mark.parametrize("size", SIZES)
def test_simplex_is_the_root_that_bisection_finds(size: float) -> None:
    generator = np.random.default_rng(2)
    project = jax.jit(simplex)
    supports = set()
    for d in (1, 2, 3, 10):
        for _ in range(6):
            x = size * generator.standard_normal(d)
            truth, ours = _simplex_by_bisection(x), np.asarray(project(x, {}))
            supports.add(np.count_nonzero(truth))
            np.testing.assert_allclose(ours, truth, rtol=0, atol=(d + 2) * U)
            assert abs(math.fsum(ours) - 1.0) <= (d + 2) * U
    assert len(supports) > 1 or size >= 30.0


def test_simplex_with_ties_and_at_its_own_points() -> None:
    for x, truth in [
        ([5.0, 5.0, 5.0, 5.0], [0.25] * 4),
        ([7.0, 7.0, 0.0], [0.5, 0.5, 0.0]),
        ([1.0, 0.0, 0.0], [1.0, 0.0, 0.0]),
        ([0.25, 0.75], [0.25, 0.75]),
        ([-3.0, -4.0], [1.0, 0.0]),
        ([-1e300, 1e300, 1e300], [0.0, 0.5, 0.5]),
        ([-1.7e308, 1.7e308], [0.0, 1.0]),
    ]:
        np.testing.assert_array_equal(simplex(np.array(x), {}), truth)


@pytest.mark.parametrize("size", SIZES)
def test_ball_and_box_in_50_digits(size: float) -> None:
    generator = np.random.default_rng(4)
    both = jax.jit(lambda x, constants: (ball(x, constants), box(x, constants)))
    for d in (1, 3, 20):
        x, radius = size * generator.standard_normal(d), 0.7
        ours, cut = both(x, {"radius": np.array(radius)})
        with mpmath.workdps(50):
            exact = [mpmath.mpf(float(v)) for v in x]
            norm = mpmath.sqrt(mpmath.fsum(v * v for v in exact))
            truth = [float(v * min(mpmath.mpf(1), radius / norm)) for v in exact]
        np.testing.assert_allclose(ours, truth, rtol=8 * U, atol=0)
        np.testing.assert_array_equal(cut, [min(max(v, -radius), radius) for v in x.tolist()])
    for inside in (np.zeros(3), np.array([0.7, 0.0, 0.0]), np.array([1e-200, -0.3, 0.2])):
        for kept in both(inside, {"radius": np.array(0.7)}):
            np.testing.assert_array_equal(kept, inside)
    huge = np.full(4, -1e307)
    np.testing.assert_allclose(ball(huge, {"radius": np.array(2.0)}), np.full(4, -1.0), rtol=4 * U)
    np.testing.assert_array_equal(ball(np.zeros(2), {"radius": np.array(1e-150)}), np.zeros(2))


@pytest.mark.parametrize("name", ["ball", "box", "simplex"])
def test_a_quadratic_program_finds_the_same_projection(name: str) -> None:
    generator = np.random.default_rng(6)
    radius, d = 0.8, 4
    sets = {
        "ball": (ball, [{"type": "ineq", "fun": lambda z: radius**2 - z @ z, "jac": lambda z: -2 * z}], None),
        "box": (box, [], [(-radius, radius)] * d),
        "simplex": (
            simplex,
            [{"type": "eq", "fun": lambda z: z.sum() - 1.0, "jac": np.ones_like}],
            [(0.0, None)] * d,
        ),
    }
    project, constraints, bounds = sets[name]
    moved = 0
    for _ in range(10):
        x = generator.standard_normal(d)
        found = minimize(
            lambda z, x=x: 0.5 * (z - x) @ (z - x),
            np.full(d, 1.0 / d),
            jac=lambda z, x=x: z - x,
            bounds=bounds,
            constraints=constraints,
            method="SLSQP",
            options={"ftol": 1e-15, "maxiter": 300},
        )
        ours = np.asarray(project(x, {"radius": np.array(radius)}))
        moved += bool(np.linalg.norm(ours - x) > 0.1)
        np.testing.assert_allclose(ours, found.x, rtol=0, atol=2e-7)
    assert moved >= 5


def test_the_projection_of_float32_stays_float32() -> None:
    x = np.array([0.5, 2.0, -1.0], np.float32)
    for project in (ball, box, simplex):
        assert project(x, {"radius": np.array(1.0)}).dtype == np.float32


def test_minimiser_on_the_simplex_satisfies_the_kkt_conditions() -> None:
    values = (4.0, 1.0, 0.03, 7.5)
    problem = quadratic(eigenvalues=values, constraint="simplex")
    with mpmath.workdps(50):
        star = [
            mpmath.mpf(float(hi)) + mpmath.mpf(float(lo))
            for hi, lo in zip(problem.optimum.hi, problem.optimum.lo, strict=True)
        ]
        slopes = [mpmath.mpf(v) * s for v, s in zip(values, star, strict=True)]
        assert abs(mpmath.fsum(star) - 1) < 1e-30  # feasible, and positive: the multipliers of θ >= 0 are 0
        assert min(star) > 0
        assert max(abs(s - slopes[0]) for s in slopes) < 1e-30  # ∇R is a multiple of (1, …, 1)
        minimum = mpmath.fsum(s * g for s, g in zip(star, slopes, strict=True)) / 2
        assert float(problem.optimum.risk_low) <= minimum <= float(problem.optimum.risk_high)
        assert float(problem.optimum.risk_high) - float(problem.optimum.risk_low) <= 4 * U * minimum
        for corner in np.eye(4):
            truth = mpmath.mpf(0.5 * float(corner @ (np.array(values) * corner))) - minimum
            assert float(risk_gap(corner, problem)) == pytest.approx(float(truth), rel=1e-15)
    np.testing.assert_array_equal(problem.theta0, [1.0, 0.0, 0.0, 0.0])
    assert problem.known["initial_gap"].value == pytest.approx(float(risk_gap(problem.theta0, problem)), rel=4e-16)


@pytest.mark.parametrize("name", ["ball", "box", "simplex"])
def test_both_constants_of_the_set_are_attained_and_not_exceeded(name: str) -> None:
    values = np.array([0.3, 2.0, 1.1])
    radius = None if name == "simplex" else 0.7
    theta0 = (0.5, 0.25, 0.25) if name == "simplex" else (0.1, 0.1, 0.1)
    problem = quadratic(eigenvalues=tuple(values), constraint=name, radius=radius, theta0=theta0)
    generator = np.random.default_rng(8)
    corners = np.concatenate([5.0 * np.eye(3), -5.0 * np.eye(3), [[5.0] * 3, [-5.0] * 3]])
    points = np.concatenate([3.0 * generator.standard_normal((2000, 3)), corners])
    points = np.asarray(jax.vmap(problem.project, (0, None))(points, problem.constants))
    steepest = np.linalg.norm(values * points, axis=1).max()
    widest = np.linalg.norm(points[:, None] - points[None], axis=2).max()
    assert steepest == pytest.approx(problem.known["G"].value, rel=1e-14)
    assert widest == pytest.approx(problem.known["diameter"].value, rel=1e-14)


@pytest.mark.parametrize("name", ["ball", "box", "simplex"])
def test_projected_gradient_descent_arrives_at_the_minimiser(name: str) -> None:
    radius = None if name == "simplex" else 0.6
    problem = quadratic(dimension=3, mu=0.2, constraint=name, radius=radius, **({} if radius is None else {"D": 0.6}))
    theta = np.asarray(problem.theta0)
    for _ in range(150):
        theta = problem.project(theta - jax.grad(lambda x: risk_of(problem, x))(theta), problem.constants)
    assert float(risk_gap(theta, problem)) < 1e-25
    np.testing.assert_allclose(theta, problem.optimum.hi, rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"constraint": "ball"}, "constraint = 'ball' needs a radius"),
        ({"constraint": "cone"}, "constraint = 'cone'; allowed: ball, box, simplex"),
        ({"radius": 1.0}, "only constraint = 'ball' and 'box' have one"),
        ({"constraint": "simplex", "radius": 1.0}, "only constraint = 'ball' and 'box' have one"),
        ({"constraint": "ball", "radius": 0.5}, "theta0 is outside the ball: ‖theta0‖ = .*at most radius = 0.5"),
        ({"constraint": "box", "radius": 0.5, "start": "steepest"}, "theta0 is outside the box"),
        ({"constraint": "ball", "radius": -1.0}, "radius = -1.0; it must be positive"),
        ({"constraint": "simplex", "D": 2.0}, "leave D and start out"),
        ({"constraint": "simplex", "eigenvalues": (0.0, 1.0)}, "positive eigenvalues; the least one is 0"),
        ({"constraint": "simplex", "dimension": 2, "theta0": (0.5, 0.6)}, "theta0 is outside the simplex"),
        ({"constraint": "simplex", "dimension": 2, "theta0": (1.5, -0.5)}, "theta0 is outside the simplex"),
    ],
)
def test_mistakes_are_told_in_one_line(arguments, words: str) -> None:
    with pytest.raises(ConvlabError, match=words) as caught:
        quadratic(**arguments)
    assert "\n" not in str(caught.value)


def test_a_start_on_the_boundary_is_feasible_though_it_was_rounded() -> None:
    for d in (3, 7, 10, 1000):
        quadratic(dimension=d, constraint="ball", radius=1.0)
        quadratic(dimension=d, constraint="simplex", theta0=(1.0 / d,) * d)
