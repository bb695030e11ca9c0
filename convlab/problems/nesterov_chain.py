"""Nesterov's worst function in the world: a chain of springs along which T steps of any gradient method reach T links.

The gradient at a point whose last nonzero coordinate is the i-th reaches coordinate i + 1 and no further.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from convlab.core.errors import ConvlabError
from convlab.core.problem import Optimum, Problem, displacement
from convlab.core.setting import Known
from convlab.problems._chain import solve
from convlab.problems._parameters import nonnegative, positive

EXAMPLE = {"dimension": 5, "L": 2.0, "mu": 0.125}
VARIANTS = {"mu = 0": {"dimension": 5}, "one link": {"dimension": 1}}
_U = 2.0**-53


def _form(x: jax.Array, constants: Any) -> jax.Array:
    springs = jnp.square(x[0]) + jnp.sum(jnp.square(jnp.diff(x))) + jnp.square(x[-1])
    value: jax.Array = 0.5 * (constants["weight"] * springs + constants["mu"] * jnp.sum(jnp.square(x)))
    return value


def _risk(theta: jax.Array, batch: Any, constants: Any) -> jax.Array:
    pull: jax.Array = constants["weight"] * theta[0]
    return _form(theta, constants) - pull


def _gap(theta: jax.Array, problem: Problem) -> jax.Array:
    assert problem.optimum is not None
    return _form(displacement(theta, problem.optimum), problem.constants)


def nesterov_chain(dimension: int, L: float = 1.0, mu: float = 0.0) -> Problem:
    """f(x) = ((L−mu)/4)·(½(x_1² + Σ(x_i − x_{i+1})² + x_d²) − x_1) + (mu/2)‖x‖², θ an array [d], θ0 = 0.

    With mu = 0: x*_i = 1 − i/(d+1), f* = −(L/8)(1 − 1/(d+1)), ‖x*‖² = d(2d+1)/(6(d+1)), and no method that stays in
    the span of its gradients is below −(L/8)(1 − 1/(T+1)) after T < d steps. With mu > 0: x*_i = (q^i − q^(2(d+1)−i))/
    (1 − q^(2(d+1))), q = (√κ−1)/(√κ+1), κ = L/mu (Nesterov, Introductory Lectures on Convex Optimization, 2004, §2.1).

    The eigenvalues are (L−mu)·sin²(jπ/(2(d+1))) + mu for j = 1, …, d. The known L is the argument, which exceeds the
    largest; the known mu is the least, which exceeds the argument: a chain of finite length is strongly convex.
    Raises ConvlabError where the dimension is not from 1 to 10^5, L is not positive, or mu not in [0, L).
    """
    L, mu, d = positive("L", L), nonnegative("mu", mu), int(dimension)
    if not 1 <= d <= 100_000:
        raise ConvlabError(f"dimension = {dimension}; it must be a whole number from 1 to 100,000")
    if mu >= L or (mu > 0.0 and L / mu > 1e20):
        raise ConvlabError(f"mu = {mu} and L = {L}: mu must be 0, or from L/1e20 to below L")
    weight = (L - mu) / 4.0
    found = solve(d, weight, mu)
    # ten roundings, those of π and the sine included
    least = (4.0 * weight * math.sin(math.pi / (2 * (d + 1))) ** 2 + mu) * (1.0 - 16 * _U)
    links = float(np.linalg.norm(np.diff(found.hi, prepend=1.0, append=0.0)))
    length, depth = found.norm.known(), found.first.times(Fraction(weight) / 2)
    rounding = _U * (8.0 * weight * (1.0 + links) + (4.0 * mu + L) * length.value)
    low, high = depth.ends()
    return Problem(
        risk=_risk,
        gap=_gap,
        theta0=np.zeros(d),
        optimum=Optimum(
            found.hi,
            found.lo,
            np.array(-high),
            np.array(-low),
            radius=np.array(4.0 * _U**2 * length.value),
            rounding=np.array(rounding),
        ),
        constants={"weight": np.array(weight), "mu": np.array(mu)},
        name="nesterov_chain",
        known={
            "L": Known(L, "upper bound"),
            "mu": Known(least, "lower bound"),
            "M": Known(0.0, "exact"),
            "kappa": Known(L / least * (1.0 + 4 * _U), "upper bound"),
            "D": length,
            "initial_gap": depth.known(),
        },
        traits=frozenset(
            {"quadratic", "convex", "smooth", "strongly convex", "twice differentiable", "Lipschitz Hessian"}
            | {"has minimiser"}
            | ({"one-dimensional"} if d == 1 else set())
        ),
        certificate="closed form: theta* solves the tridiagonal system, evaluated in 60 digits",
    )
