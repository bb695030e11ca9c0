"""f(x, y) = (1 − x)² + b(y − x²)²: a curved valley, steep across and flat along, whose floor leads to (1, 1)."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from convlab.core.problem import Optimum, Problem, displacement
from convlab.problems._enclosure import exactly, fractions
from convlab.problems._parameters import positive

EXAMPLE = {"b": 100.0}
_U = 2.0**-53


def _risk(theta: jax.Array, batch: Any, constants: Any) -> jax.Array:
    x, y = theta[0], theta[1]
    value: jax.Array = jnp.square(1.0 - x) + constants["b"] * jnp.square(y - jnp.square(x))
    return value


def _gap(theta: jax.Array, problem: Problem) -> jax.Array:
    assert problem.optimum is not None
    p, q = displacement(theta, problem.optimum)
    # y − x² = (q − 2p) − p² about (1, 1), where y and x² themselves agree in their leading digits
    value: jax.Array = jnp.square(p) + problem.constants["b"] * jnp.square((q - 2.0 * p) - jnp.square(p))
    return value


def rosenbrock(b: float = 100.0) -> Problem:
    """f(x, y) = (1 − x)² + b(y − x²)², θ = (x, y) an array [2], θ0 = (−1.2, 1), θ* = (1, 1), f* = 0.

    (1, 1) is the only stationary point: ∂f/∂y = 0 puts it on the parabola, where ∂f/∂x = −2(1 − x). The Hessian there
    has determinant 4b and trace 10b + 2, so its condition number is about 25b. Rosenbrock, Comput. J. 3 (1960).
    Raises ConvlabError where b is not positive and finite.
    """
    b = positive("b", b)
    x, y = -1.2, 1.0
    start = np.array([x, y])
    a, c = fractions(start)
    initial = exactly((1 - a) ** 2 + Fraction(b) * (c - a * a) ** 2)
    curvature = 10.0 * b + 2.0  # the trace, which exceeds the largest eigenvalue at θ*
    zero = np.zeros(())
    unbounded = "a quartic's Hessian grows without bound"
    return Problem(
        risk=_risk,
        gap=_gap,
        theta0=start,
        optimum=Optimum(
            np.ones(2), np.zeros(2), zero, zero, radius=zero, rounding=np.array(_U * (8.0 * b + curvature * 2.0**0.5))
        ),
        constants={"b": np.array(b)},
        name="rosenbrock",
        known={
            "D": exactly((a - 1) ** 2 + (c - 1) ** 2).root().known(),
            "initial_gap": initial.known(),
        },
        traits=frozenset({"twice differentiable", "has minimiser"}),
        denied={
            "convex": "∂²f/∂x² = 2 + 4b(3x² − y) is negative high above the parabola",
            "strongly convex": "f is not convex",
            "smooth": unbounded,
            "Lipschitz Hessian": unbounded,
        },
        certificate="closed form: theta* = (1, 1) and f* = 0 exactly",
    )
