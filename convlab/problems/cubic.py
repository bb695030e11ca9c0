"""f(x) = (mu/2)x² + (M/6)|x|³, whose f'' = mu + M|x| is M-Lipschitz: Newton's local bound M/(2 mu) is attained."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from convlab.core.problem import Optimum, Problem
from convlab.core.setting import Known
from convlab.problems._enclosure import exactly
from convlab.problems._parameters import nonnegative, positive

EXAMPLE = {"mu": 0.5, "M": 2.0, "D": 0.75}


def _risk(theta: jax.Array, batch: Any, constants: Any) -> jax.Array:
    # |x|·x²: the factor x² makes jax's choice of a slope of |x| at 0 irrelevant to the first two derivatives
    square = jnp.square(theta)
    return jnp.sum((0.5 * constants["mu"]) * square + (constants["M"] / 6.0) * (jnp.abs(theta) * square))


def _gap(theta: jax.Array, problem: Problem) -> jax.Array:
    return problem.risk(theta.astype(jnp.float64), (), problem.constants)


def cubic(mu: float = 1.0, M: float = 1.0, D: float = 1.0) -> Problem:
    """f(x) = (mu/2)x² + (M/6)|x|³ from x0 = D; x* = 0, f* = 0. θ is an array [1].

    A Newton step from x > 0 leads to (M/2)x²/(mu + M x), so |x_{t+1}|/x_t² → M/(2 mu), the constant of the local
    quadratic bound (Nesterov, Lectures on Convex Optimization, 2018, Theorem 1.2.5). f'' is unbounded: L = mu + M·D is
    its largest value on the level set |x| <= D, which descent methods do not leave (trait "smooth on the level set").

    Raises ConvlabError where M or D is not positive, or mu negative.
    """
    mu, M, D = nonnegative("mu", mu), positive("M", M), positive("D", D)
    known = {name: Known(value, "exact") for name, value in {"mu": mu, "M": M, "D": D}.items()}
    m, c, x = Fraction(mu), Fraction(M), Fraction(D)
    known["L"] = exactly(m + c * x).above()
    known["initial_gap"] = exactly(m * x**2 / 2 + c * x**3 / 6).known()
    L = known["L"].value
    traits = {"convex", "smooth on the level set", "twice differentiable", "Lipschitz Hessian", "has minimiser"}
    denied = {"smooth": f"f'' = mu + M|x| is unbounded; L = {L:.6g} is its maximum on the level set |x| <= {D:.6g}"}
    if mu > 0:
        traits.add("strongly convex")
        known["kappa"] = exactly((m + c * x) / m).above()
    else:
        denied["strongly convex"] = "mu is 0"
    zero = np.zeros(())
    return Problem(
        risk=_risk,
        gap=_gap,
        theta0=np.array([D]),
        optimum=Optimum(np.zeros(1), np.zeros(1), zero, zero, radius=zero, rounding=zero),
        constants={"mu": np.array(mu), "M": np.array(M)},
        name="cubic",
        known=known,
        traits=frozenset(traits | {"one-dimensional"}),
        denied=denied,
        certificate="closed form: x* = 0 and f* = 0 exactly",
    )
