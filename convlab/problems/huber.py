"""Huber's function f(x) = (L/2)x² for |x| <= kink, else L·kink·|x| − L·kink²/2: gradient descent's slow instance."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from convlab.core.problem import Optimum, Problem
from convlab.core.setting import Known
from convlab.problems._enclosure import exactly
from convlab.problems._parameters import positive

EXAMPLE = {"L": 2.0, "D": 1.5, "kink": 0.25}


def _risk(theta: jax.Array, batch: Any, constants: Any) -> jax.Array:
    L, kink = constants["L"], constants["kink"]
    size = jnp.abs(theta)
    inner = jnp.where(size <= kink, theta, 0.0)  # the branch not taken must not overflow, or its derivative is NaN
    outer = jnp.where(size <= kink, kink, size)
    return jnp.sum(L * jnp.where(size <= kink, 0.5 * jnp.square(inner), kink * (outer - 0.5 * kink)))


def _gap(theta: jax.Array, problem: Problem) -> jax.Array:
    return problem.risk(theta.astype(jnp.float64), (), problem.constants)


def huber(L: float = 1.0, D: float = 1.0, kink: float = 0.1) -> Problem:
    """f(x) = (L/2)x² for |x| <= kink, else L·kink·|x| − L·kink²/2, from x0 = D; x* = 0, f* = 0. θ is an array [1].

    Convex, L-smooth and L·kink-Lipschitz, but not strongly convex. With kink = D/(2T+1), gradient descent with step 1/L
    has the gap L·D²/(4T+2) after T steps: no L-smooth convex function is slower (Drori and Teboulle, Math. Program. 145
    (2014), Theorem 3.2). f'' jumps at the kink, so the gap is the value itself, in closed form, and no integral of f''.

    Raises ConvlabError where a number is not positive and finite.
    """
    L, D, kink = positive("L", L), positive("D", D), positive("kink", kink)
    inside = kink >= D
    curvature, x, k = Fraction(L), Fraction(D), Fraction(kink)
    known = {name: Known(value, "exact") for name, value in {"L": L, "mu": 0.0, "D": D}.items()}
    known["G"] = exactly(curvature * k).above()
    known["initial_gap"] = exactly(curvature * (x * x / 2 if inside else k * (x - k / 2))).known()
    zero = np.zeros(())
    return Problem(
        risk=_risk,
        gap=_gap,
        theta0=np.array([D]),
        optimum=Optimum(np.zeros(1), np.zeros(1), zero, zero, radius=zero, rounding=zero),
        constants={"L": np.array(L), "kink": np.array(kink)},
        name="huber",
        known=known,
        traits=frozenset({"convex", "smooth", "Lipschitz", "has minimiser", "one-dimensional"}),
        denied={
            "strongly convex": "Huber's function is affine beyond its kink",
            "twice differentiable": "the second derivative of Huber's function jumps at the kink",
            "Lipschitz Hessian": "the second derivative of Huber's function jumps at the kink",
        },
        certificate="closed form: x* = 0 and f* = 0 exactly",
    )
