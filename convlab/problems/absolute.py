"""f(x) = G|x| + (mu/2)x², whose slope jumps at the minimiser: fixed steps overshoot it, and only shrinking converge."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from convlab.core.errors import ConvlabError
from convlab.core.problem import Optimum, Problem
from convlab.core.setting import Known
from convlab.problems._constraints import box
from convlab.problems._enclosure import exactly
from convlab.problems._parameters import nonnegative, positive

EXAMPLE = {"G": 2.0, "D": 0.75}
VARIANTS = {
    "strongly convex": {"G": 2.0, "D": 0.75, "mu": 0.5},
    "in an interval": {"G": 2.0, "D": 0.75, "radius": 1.0},
    "strongly convex in an interval": {"G": 2.0, "D": 0.75, "mu": 0.5, "radius": 1.0},
}


def _risk(theta: jax.Array, batch: Any, constants: Any) -> jax.Array:
    # jax's derivative of |x| at 0 is 1; that of x·sign(x) is 0 there, so that a run which lands on x* stays
    size = theta * jnp.sign(theta)
    return jnp.sum(constants["G"] * size + 0.5 * constants["mu"] * jnp.square(theta))


def _gap(theta: jax.Array, problem: Problem) -> jax.Array:
    return problem.risk(theta.astype(jnp.float64), (), problem.constants)


def absolute(G: float = 1.0, D: float = 1.0, mu: float = 0.0, radius: float | None = None) -> Problem:
    """f(x) = G|x| + (mu/2)x² from x0 = D; x* = 0, f* = 0. θ is an array [1]; with ``radius``, |x| <= radius.

    The subgradient is G·sign(x) + mu·x, 0 at 0. f is G-Lipschitz; with mu > 0 it is so on no more than an interval,
    with the constant G + mu·radius, so without a radius there is none. Where mu = 0, a fixed step η brings |x|
    below η·G and no further, unless D is a multiple of η·G: then x lands on 0 and stays.

    Raises ConvlabError where G or D is not positive, mu is negative, or radius < D.
    """
    G, D, mu = positive("G", G), positive("D", D), nonnegative("mu", mu)
    g, m, x = Fraction(G), Fraction(mu), Fraction(D)
    known = {"mu": Known(mu, "exact"), "D": Known(D, "exact"), "initial_gap": exactly(g * x + m * x * x / 2).known()}
    constants = {"G": np.array(G), "mu": np.array(mu)}
    traits = {"convex", "has minimiser", "one-dimensional"}
    kink = "the slope of G|x| jumps at 0"
    denied = {"smooth": kink, "twice differentiable": kink, "Lipschitz Hessian": kink}
    if radius is not None:
        if not positive("radius", radius) >= D:
            raise ConvlabError(f"radius = {radius}; it must be at least D = {D}, for x0 = D to be feasible")
        constants["radius"] = np.array(float(radius))
        known["diameter"] = Known(2.0 * radius, "exact")
    if mu > 0.0:
        traits.add("strongly convex")
    else:
        denied["strongly convex"] = "mu is 0"
    if mu == 0.0 or radius is not None:
        traits.add("Lipschitz")
        known["G"] = exactly(g + (m * Fraction(radius) if radius is not None else 0)).above()
    else:
        denied["Lipschitz"] = "the slope grows without bound for mu > 0; a radius would bound it"
    zero = np.zeros(())
    return Problem(
        risk=_risk,
        gap=_gap,
        project=None if radius is None else box,
        theta0=np.array([D]),
        optimum=Optimum(np.zeros(1), np.zeros(1), zero, zero, radius=zero, rounding=zero),
        constants=constants,
        name="absolute",
        known=known,
        traits=frozenset(traits),
        denied=denied,
        certificate="closed form: x* = 0 and f* = 0 exactly",
    )
