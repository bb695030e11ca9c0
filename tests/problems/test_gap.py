"""The gap against 60 digits: right from 1e-2 down to where float64 has no nearer point."""

import functools

import jax
import numpy as np
import pytest
from exact import Exact, mp

from convlab.core.problem import Problem, risk_gap, risk_of
from convlab.problems._glm import softplus_divergence
from convlab.problems.cubic import cubic
from convlab.problems.huber import huber
from convlab.problems.least_squares import least_squares
from convlab.problems.logistic import logistic
from convlab.problems.quadratic import quadratic

U = 2.0**-53

CASES = {
    "logistic, ridge": lambda: logistic(data="synthetic", n=20, dimension=3, ridge=0.05, data_seed=1),
    "logistic, no ridge": lambda: logistic(data="synthetic", n=40, dimension=3, data_seed=2),
    "logistic, breast_cancer": lambda: logistic(rows="standardised", ridge=0.01),
    "least squares": lambda: least_squares(data="synthetic", n=20, dimension=3, ridge=0.05, data_seed=1),
}


@functools.cache
def case(name: str) -> tuple[Problem, Exact]:
    problem = CASES[name]()
    return problem, Exact(problem)


@pytest.mark.parametrize("name", CASES)
def test_gap_against_60_digits(name: str, record_property) -> None:
    problem, exact = case(name)
    theta_star = problem.optimum.hi
    direction = np.random.default_rng(5).standard_normal(theta_star.shape)
    direction /= np.linalg.norm(direction)
    gap = jax.jit(risk_gap)
    worst, smallest = 0.0, 1.0
    sizes = [3.0, 0.3, *10.0 ** np.arange(-2.0, -17.0, -2.0), 0.0]
    for size in sizes if len(theta_star) < 10 else [*sizes[::4], 0.0]:
        theta = theta_star + size * direction
        truth = exact.gap(theta)
        error = float(abs(mp.mpf(float(gap(theta, problem))) - truth) / truth)
        record_property(f"{float(truth):.1e}", error)
        worst, smallest = max(worst, error), min(smallest, float(truth))
    assert smallest < 4e-33
    assert worst <= 5e-16


@pytest.mark.parametrize("name", CASES)
def test_minimum_and_minimiser_against_60_digits(name: str) -> None:
    problem, exact = case(name)
    optimum = problem.optimum
    doubled = [mp.mpf(float(hi)) + mp.mpf(float(lo)) for hi, lo in zip(optimum.hi, optimum.lo, strict=True)]
    distance = mp.sqrt(mp.fsum((a - b) ** 2 for a, b in zip(doubled, exact.theta_star, strict=True)))
    assert float(distance) <= float(optimum.radius) < 1e-20
    assert mp.mpf(float(optimum.risk_low)) <= exact.minimum <= mp.mpf(float(optimum.risk_high))
    assert float(optimum.risk_high - optimum.risk_low) <= 1e-15 * float(optimum.risk_high)


def test_divergence_of_softplus_for_every_b_and_t() -> None:
    """D(b + t, b) in 60 digits, for logits up to ±700 and steps from 1e-160 to 1e3."""
    for b in (-700.0, -40.0, -3.0, -1e-9, 0.0, 0.7, 5.0, 60.0):
        for size in (1e-150, 1e-8, 0.3, 0.999999, 1.000001, 2.5, 30.0, 1000.0):
            for t in (size, -size):
                B, T = mp.mpf(b), mp.mpf(t)
                with mp.workdps(900 if abs(b) > 30 else 400):
                    truth = mp.log1p(mp.exp(B + T)) - mp.log1p(mp.exp(B)) - T / (1 + mp.exp(-B))
                got = float(softplus_divergence(np.array(b), np.array(t)))
                if truth > 1e-300:
                    assert abs(got / float(truth) - 1.0) < 3e-15 + 2.0 * U * abs(b), (b, t)


def test_closed_forms_down_to_1e_300() -> None:
    quad = quadratic(eigenvalues=(0.5, 4.0), theta0=(1e-150, 0.0))
    assert float(risk_gap(quad.theta0, quad)) == pytest.approx(0.25e-300, rel=1e-15)
    far = huber(L=2.0, kink=0.5, D=3.0)
    assert float(risk_gap(far.theta0, far)) == 2.0 * 0.5 * (3.0 - 0.25)
    small = cubic(mu=2.0, M=3.0, D=1e-140)
    assert float(risk_gap(small.theta0, small)) == pytest.approx(1e-280, rel=1e-15)


def test_float32_points_are_measured_in_float64() -> None:
    for problem in (logistic(data="synthetic", ridge=0.1), huber(), cubic(), quadratic(dimension=2)):
        theta = problem.theta0.astype(np.float32) + np.float32(0.1)
        assert float(risk_gap(theta, problem)) == float(risk_gap(theta.astype(np.float64), problem))


@pytest.mark.parametrize("name", CASES)
def test_rounding_bounds_the_error_of_a_float64_gradient(name: str) -> None:
    """Against 60 digits at points near θ*: bounded, and by no more than a factor of a few thousand."""
    problem, exact = case(name)
    gradient = jax.jit(lambda theta, problem: jax.grad(functools.partial(risk_of, problem))(theta))
    errors = []
    for k in range(3):
        theta = problem.optimum.hi * (1.0 + 1e-15 * k)
        truth = np.array([float(v) for v in exact.gradient([mp.mpf(float(v)) for v in theta])])
        errors.append(np.linalg.norm(np.asarray(gradient(theta, problem)) - truth))
    assert max(errors) <= float(problem.optimum.rounding) <= 3000.0 * max(errors)
