"""R(θ) = ½ Σ λ_i θ_i² as a mean of d rows, each of which sees one coordinate: all of them agree on θ* = 0."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from convlab.core.errors import ConvlabError
from convlab.core.problem import Optimum, Problem
from convlab.core.setting import Known
from convlab.problems._data import digest
from convlab.problems._enclosure import exactly, norm, weighted_squares
from convlab.problems._parameters import positive

EXAMPLE = {"dimension": 5, "D": 0.75}
VARIANTS = {"one flat coordinate": {"dimension": 4, "mu": 0.5}, "one coordinate": {"dimension": 1}}


def _risk(theta: jax.Array, batch: Any, constants: Any) -> jax.Array:
    return 0.5 * jnp.mean(batch @ jnp.square(theta))


def _gap(theta: jax.Array, problem: Problem) -> jax.Array:
    return problem.risk(theta.astype(jnp.float64), problem.data, ())


def coordinates(dimension: int = 10, mu: float = 1.0, D: float = 1.0) -> Problem:
    """f_i(θ) = (d/2)λ_i θ_i² for i = 1 … d = ``dimension``, so R(θ) = ½ Σ λ_i θ_i² with λ = (1, …, 1, ``mu``).

    θ is an array [d], θ0 = (D/√d)(1, …, 1), θ* = 0. Every f_i has θ* among its minimisers, so the noise of a random row
    vanishes there: sigma_star = 0, called interpolation. L = 1 and L_max = d (both mu for d = 1).

    With one random row a step and a constant step η, E θ_{t,i}² = (1 − ηλ_i(2 − ηdλ_i))^t D²/d. For mu = 1 that is
    E‖θ_t‖² = (1 − η(2 − ηd))^t D², which no smooth and strongly convex rows exceed: (1 − 1/d)^t D² at η = 1/d.

    Raises ConvlabError where the dimension is not from 1 to 4096, mu not in (0, 1], or D not positive.
    """
    d, mu, D = int(dimension), positive("mu", mu), positive("D", D)
    if not 1 <= d <= 4096:
        raise ConvlabError(f"dimension = {dimension}; it must be a whole number from 1 to 4096: the data are d x d")
    if mu > 1.0:
        raise ConvlabError(f"mu = {mu}; it is the least eigenvalue and the others are 1, so it is at most 1")
    eigenvalues = np.ones(d)
    eigenvalues[-1] = mu
    rows, zero = np.diag(d * eigenvalues), np.zeros(())
    theta0, top = np.full(d, D / np.sqrt(d)), float(rows.max())
    least, nothing = Fraction(float(rows[-1, -1])) / d, np.zeros(d)  # the curvature that the rounded row has
    known = {name: Known(value, "exact") for name, value in {"n": float(d), "M": 0.0, "sigma_star": 0.0}.items()}
    known |= {"L_max": Known(top, "exact"), "L": exactly(Fraction(top) / d).above(), "mu": exactly(least).below()}
    known["kappa"] = exactly(Fraction(top) / d / least).above()
    known["D"] = norm(theta0).known()
    known["initial_gap"] = weighted_squares(np.diag(rows).copy(), theta0, nothing).times(Fraction(1, 2 * d)).known()
    traits = {"convex", "strongly convex", "smooth", "twice differentiable", "Lipschitz Hessian", "quadratic"}
    return Problem(
        risk=_risk,
        gap=_gap,
        theta0=theta0,
        optimum=Optimum(np.zeros(d), np.zeros(d), zero, zero, radius=zero, rounding=zero),
        data=rows,
        name="coordinates",
        known=known,
        traits=frozenset(
            traits
            | {"has minimiser", "convex smooth rows", "interpolation"}
            | ({"one-dimensional", "one Hessian for all rows"} if d == 1 else set())
        ),
        denied={} if d == 1 else {"one Hessian for all rows": "each row curves along its own coordinate"},
        certificate="closed form: theta* = 0 and R* = 0 exactly",
        digest=digest(rows, np.zeros(0)),
    )
