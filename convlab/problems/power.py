"""f(x) = |x|^p/p with p > 2, whose f''(0) = 0: gradient descent closes its gap at the rate T^(−p/(p−2)), no faster."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from convlab.core.errors import ConvlabError
from convlab.core.problem import Optimum, Problem
from convlab.core.setting import Known
from convlab.problems._enclosure import power as power_of
from convlab.problems._parameters import positive

EXAMPLE = {"p": 3.5, "D": 0.75}
VARIANTS = {"p = 3": {"p": 3.0, "D": 2.0}, "p = 2.25": {"p": 2.25}}


def _risk(theta: jax.Array, batch: Any, constants: Any) -> jax.Array:
    # |x|^(p−4) is a pole at 0 that the second derivative would multiply by 0; p > 2 makes f' and f'' vanish there
    still = theta == 0.0
    size = jnp.abs(jnp.where(still, 1.0, theta))
    return jnp.sum(jnp.where(still, 0.0, jnp.power(size, constants["p"]) / constants["p"]))


def _gap(theta: jax.Array, problem: Problem) -> jax.Array:
    return problem.risk(theta.astype(jnp.float64), (), problem.constants)


def power(p: float = 4.0, D: float = 1.0) -> Problem:
    """f(x) = |x|^p/p for p > 2, from x0 = D; x* = 0, f* = 0. θ is an array [1].

    Under small steps η gradient descent follows x' = −x^(p−1), so that its gap tends to ((p−2)ηT)^(−p/(p−2))/p: slower
    than any linear rate, and 1/T in the limit of large p. f'' is unbounded: L = (p−1)·D^(p−2) is its largest value on
    the level set |x| <= D (trait "smooth on the level set"). Only for p = 3 is f'' Lipschitz, with M = 2.

    Raises ConvlabError where p <= 2, D is not positive, or D^p leaves the range of float64.
    """
    p, D = positive("p", p), positive("D", D)
    if p <= 2.0 or p > 1000.0:
        raise ConvlabError(f"p = {p}; it must be above 2 and at most 1000")
    if abs(p * math.log10(D)) > 150.0:
        raise ConvlabError(f"p = {p} and D = {D}: D^p must lie between 1e-150 and 1e150")
    exponent = Fraction(p)
    known = {"mu": Known(0.0, "exact"), "D": Known(D, "exact")}
    known["L"] = power_of(D, exponent - 2).times(exponent - 1).above()
    known["initial_gap"] = power_of(D, exponent).times(1 / exponent).known()
    L = known["L"].value
    traits = {"convex", "smooth on the level set", "twice differentiable", "has minimiser", "one-dimensional"}
    denied = {
        "smooth": f"f'' = (p−1)|x|^(p−2) is unbounded; L = {L:.6g} is its maximum on the level set |x| <= {D:.6g}",
        "strongly convex": "f''(0) = 0",
    }
    if p == 3.0:
        traits.add("Lipschitz Hessian")
        known["M"] = Known(2.0, "exact")
    else:
        place = "at 0" if p < 3.0 else "far out"
        denied["Lipschitz Hessian"] = f"f''' = ±(p−1)(p−2)|x|^(p−3) is unbounded {place}"
    zero = np.zeros(())
    return Problem(
        risk=_risk,
        gap=_gap,
        theta0=np.array([D]),
        optimum=Optimum(np.zeros(1), np.zeros(1), zero, zero, radius=zero, rounding=zero),
        constants={"p": np.array(p)},
        name="power",
        known=known,
        traits=frozenset(traits),
        denied=denied,
        certificate="closed form: x* = 0 and f* = 0 exactly",
    )
