"""R(x) = (mu/2)x² + l1·|x| on the line, |x| as its simple part: proximal steps shrink x, and meet their bounds."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from convlab.core.errors import ConvlabError
from convlab.core.problem import Optimum, Problem
from convlab.core.setting import Known
from convlab.problems._enclosure import exactly
from convlab.problems._l1 import L1
from convlab.problems._parameters import nonnegative, positive

EXAMPLE = {"l1": 0.5, "L": 2.0, "D": 0.75}
VARIANTS = {"strongly convex": {"l1": 0.5, "L": 2.0, "mu": 0.25, "D": 0.75}}


def _risk(theta: jax.Array, batch: Any, constants: Any) -> jax.Array:
    value: jax.Array = 0.5 * constants["mu"] * jnp.sum(jnp.square(theta))
    return value


def _gap(theta: jax.Array, problem: Problem) -> jax.Array:
    x, constants = theta.astype(jnp.float64), problem.constants
    return _risk(x, (), constants) + L1.value(x, constants)


def shrinkage(l1: float = 1.0, L: float = 1.0, mu: float = 0.0, D: float = 1.0) -> Problem:
    """R(x) = (mu/2)x² + l1·|x| from x0 = D > 0; x* = 0, R* = 0. θ is an array [1]; l1·|x| is the simple part.

    (mu/2)x² is L-smooth for every ``L`` >= mu; with mu = 0 it is 0, and a proximal gradient step η moves x by η·l1
    towards 0, where it stays. With l1 = L·D/(2T) and η = 1/L, T steps lead half the way, where R = L·D²/(4T): on no
    such R is the proximal gradient method slower.

    Raises ConvlabError where l1, L or D is not positive, or mu is not from 0 to L.
    """
    l1, L, D, mu = positive("l1", l1), positive("L", L), positive("D", D), nonnegative("mu", mu)
    if mu > L:
        raise ConvlabError(f"mu = {mu} exceeds L = {L}; mu must be from 0 to L")
    kink = "l1·|x| has a kink at 0: R is a smooth risk plus a simple part"
    denied = {"smooth": kink, "twice differentiable": kink, "Lipschitz Hessian": kink}
    numbers = {"L": L, "mu": mu, "D": D}
    initial = exactly(Fraction(mu) * Fraction(D) ** 2 / 2 + Fraction(l1) * Fraction(D)).known()
    traits = {"convex", "smooth plus simple", "has minimiser", "one-dimensional"}
    if mu > 0.0:
        traits.add("strongly convex")
        denied["Lipschitz"] = "the slope grows without bound for mu > 0"
    else:
        traits.add("Lipschitz")
        numbers["G"] = l1
        denied["strongly convex"] = "mu is 0"
    zero = np.zeros(())
    return Problem(
        risk=_risk,
        simple=L1,
        gap=_gap,
        theta0=np.array([D]),
        optimum=Optimum(np.zeros(1), np.zeros(1), zero, zero, radius=zero, rounding=zero),
        constants={"mu": np.array(mu), "l1": np.array(l1)},
        name="shrinkage",
        known={name: Known(value, "exact") for name, value in numbers.items()} | {"initial_gap": initial},
        traits=frozenset(traits),
        denied=denied,
        certificate="closed form: x* = 0 and R* = 0 exactly",
    )
