"""Nonsmooth problems: the resisting function against a plain loop in numpy and 50 digits, |x| against its recursion."""

import functools
import math

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from convlab.core.errors import ConvlabError
from convlab.core.problem import risk_gap, risk_of
from convlab.problems.absolute import absolute
from convlab.problems.max_coordinate import max_coordinate

U = 2.0**-53


_gradient = jax.jit(jax.grad(lambda theta, problem: risk_of(problem, theta)))


def _subgradient(problem, theta):
    return np.asarray(_gradient(theta, problem))


def _plain(x: np.ndarray, G: float, D: float) -> tuple[float, np.ndarray]:
    """f and its subgradient, written down anew."""
    cut = D * (1.0 + 1.0 / math.sqrt(len(x)))
    if np.linalg.norm(x) - cut > x.max():
        return G * (float(np.linalg.norm(x)) - cut), G * x / np.linalg.norm(x)
    subgradient = np.zeros(len(x))
    subgradient[np.flatnonzero(x == x.max())[0]] = G
    return G * float(x.max()), subgradient


@pytest.mark.parametrize("N", [1, 2, 7, 50])
def test_it_resists_until_every_coordinate_was_seen(N: int) -> None:
    G, D = 3.0, 0.7
    problem = max_coordinate(N, G, D)
    step = D / (G * math.sqrt(N))
    gap = jax.jit(risk_gap)
    x, ours = np.zeros(N), np.asarray(problem.theta0)
    for t in range(N):
        value, subgradient = _plain(x, G, D)
        assert value == 0.0
        assert subgradient[t] == G
        np.testing.assert_array_equal(_subgradient(problem, ours), subgradient)
        assert float(gap(ours, problem)) == pytest.approx(G * D / math.sqrt(N), rel=4 * U)
        x, ours = x - step * subgradient, ours - step * _subgradient(problem, ours)
        np.testing.assert_array_equal(ours, x)
    assert float(gap(ours, problem)) <= 4 * U * G * D  # all coordinates have moved: x_N = x*


def test_autodiff_of_the_maximum_would_split_ties() -> None:
    at_zero = np.zeros(4)
    problem = max_coordinate(4)
    np.testing.assert_array_equal(jax.grad(jnp.max)(at_zero), np.full(4, 0.25))
    np.testing.assert_array_equal(_subgradient(problem, at_zero), [1.0, 0.0, 0.0, 0.0])
    tied = np.array([-0.5, 0.1, 0.1, -3.0])
    np.testing.assert_array_equal(_subgradient(max_coordinate(4, D=100.0), tied), [0.0, 1.0, 0.0, 0.0])
    without_ties = np.array([-0.5, 0.1, 0.2, -0.3])
    np.testing.assert_array_equal(_subgradient(problem, without_ties), jax.grad(jnp.max)(without_ties))


def test_the_subgradient_is_the_plain_one_under_vmap_and_for_traced_constants() -> None:
    points = np.random.default_rng(3).standard_normal((200, 5))
    compiled = jax.jit(jax.vmap(jax.value_and_grad(lambda theta, problem: risk_of(problem, theta)), (0, None)))
    beyond = 0
    for G, D in ((1.0, 1.0), (2.5, 0.3), (0.1, 4.0)):
        values, gradients = compiled(points, max_coordinate(5, G, D))
        for x, value, gradient in zip(points, values, gradients, strict=True):
            truth, subgradient = _plain(x, G, D)
            beyond += np.count_nonzero(subgradient) > 1
            assert float(value) == pytest.approx(truth, rel=1e-14, abs=1e-15)
            np.testing.assert_allclose(gradient, subgradient, rtol=1e-14)
    assert 100 < beyond < 500  # both branches were seen
    assert compiled._cache_size() == 1
    slopes = jax.jacfwd(lambda x: risk_of(max_coordinate(5), x))  # forward mode too
    np.testing.assert_allclose(slopes(points[0]), _plain(points[0], 1.0, 1.0)[1], rtol=1e-14)


def test_no_second_derivative_is_nan_where_kinks_meet() -> None:
    problem = max_coordinate(3)
    hessian = jax.jit(jax.hessian(functools.partial(risk_of, problem)))
    for x in (np.zeros(3), problem.optimum.hi, np.full(3, 1.0), np.array([2.0, -9.0, 1.0])):
        assert np.all(np.isfinite(hessian(x)))


@pytest.mark.parametrize("N", [1, 2, 6, 50])
def test_its_minimiser_is_one(N: int) -> None:
    """At x* all e_i are active: 0 would not be in their hull, but with x*/‖x*‖, active too, it is."""
    G, D = 2.0, 0.7
    problem = max_coordinate(N, G, D)
    with mpmath.workdps(50):
        depth = mpmath.mpf(D) / mpmath.sqrt(N)
        for hi, lo in zip(problem.optimum.hi, problem.optimum.lo, strict=True):
            assert abs(mpmath.mpf(float(hi)) + mpmath.mpf(float(lo)) + depth) <= float(problem.optimum.radius) / N**0.5
        norm_branch = mpmath.sqrt(N * depth**2) - mpmath.mpf(D) * (1 + 1 / mpmath.sqrt(N))
        assert abs(norm_branch + depth) < mpmath.mpf(10) ** -48  # both branches have the value −D/√N
        # Σ w_i e_i + v·x*/‖x*‖ = 0 with weights that are positive and sum to 1
        w, v = 1 / (N + mpmath.sqrt(N)), mpmath.sqrt(N) / (N + mpmath.sqrt(N))
        assert abs(N * w + v - 1) < mpmath.mpf(10) ** -48
        assert abs(w - v / mpmath.sqrt(N)) < mpmath.mpf(10) ** -48
        least = -mpmath.mpf(G) * depth
        assert float(problem.optimum.risk_low) <= least <= float(problem.optimum.risk_high)
        assert float(problem.optimum.risk_high) - float(problem.optimum.risk_low) <= 2 * U * abs(least)
    initial = problem.known["initial_gap"]
    assert initial.value == -float(problem.optimum.risk_low)
    assert (initial.value if initial.low is None else initial.low) == -float(problem.optimum.risk_high)


def test_the_gap_has_no_cancellation() -> None:
    N, G, D = 4, 2.0, 0.7
    problem = max_coordinate(N, G, D)
    generator = np.random.default_rng(11)
    gap = jax.jit(risk_gap)
    beyond = 0
    with mpmath.workdps(60):
        depth = mpmath.mpf(D) / mpmath.sqrt(N)
        for size in (1.0, 1e-3, 1e-7, 1e-12):
            for k in range(20):
                direction = generator.standard_normal(N)
                direction = -np.abs(direction) if k % 2 else direction  # outwards every other time
                x = problem.optimum.hi + size * direction
                exact = [mpmath.mpf(float(v)) for v in x]
                outer = mpmath.sqrt(mpmath.fsum(v * v for v in exact)) - D
                inner = max(exact) + depth
                beyond += outer > inner
                truth = mpmath.mpf(G) * max(inner, outer)
                # e is known to u·|e| per coordinate, and so is Σ e_i(x_i + x*_i)
                slack = 8 * U * G * float(mpmath.fsum(abs(v + depth) for v in exact))
                assert abs(float(gap(x, problem)) - truth) <= slack
    assert 20 < beyond < 70


def test_the_subgradient_method_on_the_absolute_value_ends_in_a_cycle() -> None:
    problem, step = absolute(G=2.0, D=1.0), 0.3
    theta, x = np.asarray(problem.theta0), 1.0
    for _ in range(10):
        theta, x = theta - step * _subgradient(problem, theta), x - step * 2.0 * math.copysign(1.0, x)
        assert float(theta[0]) == x
        assert float(risk_gap(theta, problem)) == 2.0 * abs(x)
    assert sorted([round(abs(x), 12), round(abs(x - step * 2.0 * math.copysign(1.0, x)), 12)]) == [0.2, 0.4]
    np.testing.assert_array_equal(_subgradient(problem, np.zeros(1)), [0.0])


def test_constants_of_the_absolute_value() -> None:
    plain, curved, held = absolute(2.0), absolute(2.0, mu=0.5), absolute(2.0, D=1.0, mu=0.5, radius=3.0)
    assert plain.known["G"].value == 2.0
    assert "G" not in curved.known
    assert curved.denied["Lipschitz"]
    assert held.known["G"].value == 3.5
    assert float(_subgradient(held, np.array([-3.0]))[0]) == -3.5  # attained at the end of the interval
    assert curved.known["initial_gap"].value == 2.25
    np.testing.assert_array_equal(held.project(np.array([-7.0]), held.constants), [-3.0])


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: absolute(D=2.0, radius=1.0), "at least D = 2.0"),
        (lambda: absolute(G=0.0), "G = 0.0; it must be positive"),
        (lambda: absolute(mu=-1.0), "mu = -1.0; it must not be negative"),
        (lambda: max_coordinate(0), "dimension = 0"),
        (lambda: max_coordinate(3, D=-1.0), "D = -1.0"),
    ],
)
def test_mistakes_are_told_in_one_line(build, words: str) -> None:
    with pytest.raises(ConvlabError, match=words) as caught:
        build()
    assert "\n" not in str(caught.value)
