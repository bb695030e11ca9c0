"""Quadratics with a power law: gradient descent against the exact sum, and the sum against its asymptotic constant."""

import math

import jax
import mpmath
import numpy as np
import pytest

from convlab.core.errors import ConvlabError
from convlab.core.problem import risk_gap, risk_of
from convlab.problems.quadratic import quadratic


def _law(dimension: int, capacity: float, source: float, L: float = 1.0, D: float = 1.0):
    return quadratic(dimension, L=L, D=D, spectrum="power law", capacity=capacity, source=source)


def _gap_after(dimension: int, capacity: float, source: float, L: float, D: float, step: float, T: int) -> float:
    """½ Σ λ_i x_i² (1 − ηλ_i)^{2T}, from the laws alone."""
    i = np.arange(1.0, dimension + 1.0)
    weights = i**-source
    values = L * i**-capacity
    return 0.5 * math.fsum(values * (D * D / math.fsum(weights)) * weights * (1.0 - step * values) ** (2 * T))


@pytest.mark.parametrize(
    ("capacity", "source", "L", "D"), [(1.5, 2.0, 1.0, 1.0), (3.0, 0.5, 4.0, 0.3), (1.0, 0.0, 2.0, 5.0)]
)
def test_gradient_descent_has_the_gap_of_the_exact_sum(capacity: float, source: float, L: float, D: float) -> None:
    problem, step = _law(40, capacity, source, L, D), 0.7 / L
    gradient = jax.jit(jax.grad(lambda theta, problem: risk_of(problem, theta)))
    theta = problem.theta0
    for T in range(8):
        truth = _gap_after(40, capacity, source, L, D, step, T)
        assert float(risk_gap(theta, problem)) == pytest.approx(truth, rel=1e-13)
        theta = theta - step * gradient(theta, problem)


@pytest.mark.parametrize(("capacity", "source"), [(1.5, 2.0), (1.0, 1.25), (2.0, 2.0)])
def test_the_exponent_and_the_constant_between_the_start_and_the_end(capacity: float, source: float) -> None:
    """(Γ(s)/(2·capacity))·(2ηLT)^{−s}·L·c, s = (capacity + source − 1)/capacity, where 1 << T << d^capacity."""
    d, L, D = 200_000, 2.0, 3.0
    T = 2_000
    step = 1.0 / L
    problem = _law(d, capacity, source, L, D)
    values, theta0 = problem.constants["eigenvalues"], problem.theta0
    s = (capacity + source - 1.0) / capacity
    c = D * D / math.fsum(np.arange(1.0, d + 1.0) ** -source)
    after = 0.5 * float(np.sum(values * theta0**2 * (1.0 - step * values) ** (2 * T)))
    assert after == pytest.approx(_gap_after(d, capacity, source, L, D, step, T), rel=1e-10)
    assert after == pytest.approx(L * c * math.gamma(s) / (2 * capacity) * (2 * step * L * T) ** -s, rel=0.01)


def test_the_law_in_50_digits() -> None:
    problem = _law(30, 1.7, 2.3, L=3.0, D=0.5)
    known = {name: fact.value for name, fact in problem.known.items()}
    with mpmath.workdps(50):
        total = mpmath.fsum(mpmath.mpf(i) ** -mpmath.mpf(2.3) for i in range(1, 31))
        for i in range(1, 31):
            value = 3 * mpmath.mpf(i) ** -mpmath.mpf(1.7)
            start = mpmath.mpf(0.5) * mpmath.sqrt(mpmath.mpf(i) ** -mpmath.mpf(2.3) / total)
            assert float(problem.constants["eigenvalues"][i - 1]) == pytest.approx(float(value), rel=1e-15)
            assert float(problem.theta0[i - 1]) == pytest.approx(float(start), rel=1e-14)
        assert known["mu"] == pytest.approx(float(3 * mpmath.mpf(30) ** -mpmath.mpf(1.7)), rel=1e-15)
    assert (known["capacity"], known["source"], known["L"]) == (1.7, 2.3, 3.0)
    assert known["D"] == pytest.approx(0.5, rel=1e-15)
    assert {"capacity", "source"}.isdisjoint(quadratic().known)
    in_a_ball = quadratic(
        5, spectrum="power law", capacity=1.0, source=1.0, constraint="ball", radius=2.0
    )  # a set that holds 0 changes neither
    np.testing.assert_array_equal(in_a_ball.theta0, _law(5, 1.0, 1.0).theta0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"capacity": 1.0}, "source is missing"),
        ({"source": 1.0}, "capacity is missing"),
        ({"capacity": 0.0, "source": 1.0}, "capacity = 0.0; it must be positive"),
        ({"capacity": 1.0, "source": -1.0}, "source = -1.0; it must not be negative"),
        ({"capacity": 1.0, "source": 1.0, "mu": 0.1}, "leave mu out"),
        ({"capacity": 1.0, "source": 1.0, "start": "flattest"}, "leave start out"),
        ({"capacity": 1.0, "source": 1.0, "eigenvalues": (1.0, 2.0)}, "leave eigenvalues out"),
        ({"capacity": 1.0, "source": 1.0, "theta0": (1.0, 2.0)}, "leave theta0 out"),
        ({"capacity": 1.0, "source": 1.0, "constraint": "simplex"}, "leave constraint = 'simplex' out"),
        ({"capacity": 200.0, "source": 1.0}, "least eigenvalue is below 1e-150"),
        ({"capacity": 1.0, "source": 1.0, "spectrum": "linear"}, "needs spectrum = 'power law'; spectrum = 'linear'"),
        ({"spectrum": "cubic"}, "spectrum = 'cubic'; allowed: linear, logarithmic, power law"),
    ],
)
def test_mistakes_are_told_in_one_line(arguments, words: str) -> None:
    with pytest.raises(ConvlabError, match=words) as caught:
        quadratic(**{"dimension": None, "spectrum": "power law", **arguments})
    assert "\n" not in str(caught.value)
