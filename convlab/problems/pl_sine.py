"""f(x) = x² + 3 sin²x: not convex, and yet ½f'(x)² >= mu_PL·(f(x) − f*), so gradient descent converges linearly."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from convlab.core.problem import Optimum, Problem
from convlab.core.setting import Known
from convlab.problems._enclosure import exactly
from convlab.problems._parameters import positive

EXAMPLE = {"D": 3.0}
_MU_PL = 0.1755309858797  # the least ½f'²/f is 0.17553098587973…, at x = ±2.2017…, where 2·f·f'' = f'²


def _risk(theta: jax.Array, batch: Any, constants: Any) -> jax.Array:
    return jnp.sum(jnp.square(theta) + 3.0 * jnp.square(jnp.sin(theta)))


def _gap(theta: jax.Array, problem: Problem) -> jax.Array:
    return problem.risk(theta.astype(jnp.float64), (), problem.constants)


def pl_sine(D: float = 3.0) -> Problem:
    """f(x) = x² + 3 sin²x from x0 = D; x* = 0, f* = 0. θ is an array [1].

    f'' = 2 + 6 cos 2x lies in [−4, 8], so L = 8; f''' = −12 sin 2x, so M = 12. f satisfies the Polyak–Łojasiewicz
    inequality ½f'(x)² >= mu_PL·(f(x) − f*), with the best constant mu_PL = 0.17553…; 1/32 is the usual, safe one
    (Karimi, Nutini and Schmidt, ECML PKDD 2016). There is no mu: f is not convex.

    Raises ConvlabError where D is not positive and finite.
    """
    D = positive("D", D)
    zero, square = np.zeros(()), 3 * Fraction(math.sin(D)) ** 2
    initial = exactly(Fraction(D) ** 2 + square).plus(square / 2**49)
    return Problem(
        risk=_risk,
        gap=_gap,
        theta0=np.array([D]),
        optimum=Optimum(np.zeros(1), np.zeros(1), zero, zero, radius=zero, rounding=zero),
        name="pl_sine",
        known={
            "L": Known(8.0, "exact"),
            "M": Known(12.0, "exact"),
            "mu_PL": Known(_MU_PL, "lower bound"),
            "D": Known(D, "exact"),
            # a sine of any libm in use is right to a unit in the last place; 2^-50 is eight of them
            "initial_gap": initial.known(),
        },
        traits=frozenset(
            {"smooth", "twice differentiable", "Lipschitz Hessian", "Polyak-Lojasiewicz"}
            | {"has minimiser", "one-dimensional"}
        ),
        denied={
            "convex": "f''(π/2) = −4",
            "strongly convex": "f''(π/2) = −4",
        },
        certificate="closed form: x* = 0 and f* = 0 exactly",
    )
