"""f(x) = x − ln x − 1 on x > 0, standard self-concordant: Newton's method squares 1 − x in every step."""

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
from convlab.problems._enclosure import Between, ln
from convlab.problems._parameters import positive

EXAMPLE = {"start": 1.5}
VARIANTS = {"from the left": {"start": 0.25}}
DOMAIN = (-1.0, math.inf)
_NEAR = 0.3
_TERMS = 14  # 0.18^(2·14)/31 < 1e-22


@jax.custom_jvp
def _slope(e: jax.Array) -> jax.Array:
    """e/(1+e): autodiff's 1 − 1/(1+e) would keep no digit of a small e. NaN outside the domain."""
    return jnp.where(e > -1.0, e / (1.0 + e), jnp.nan)


@_slope.defjvp
def _slope_jvp(primals: tuple[jax.Array], tangents: tuple[jax.Array]) -> tuple[jax.Array, jax.Array]:
    (e,), (rise,) = primals, tangents
    return _slope(e), rise * jnp.square(1.0 / jnp.where(e > -1.0, 1.0 + e, jnp.nan))


@jax.custom_jvp
def _barrier(e: jax.Array) -> jax.Array:
    """e − log1p(e), without cancellation: log1p(e) = 2 artanh(v) with v = e/(2+e), and e − 2v = e·v."""
    v = jnp.where(jnp.abs(e) <= _NEAR, e / (2.0 + e), 0.0)
    square = jnp.square(v)
    series = jnp.zeros_like(v)
    for k in reversed(range(_TERMS)):
        series = 1.0 / (2 * k + 3) + square * series
    return jnp.where(jnp.abs(e) <= _NEAR, v * (e - 2.0 * square * series), e - jnp.log1p(e))


@_barrier.defjvp
def _barrier_jvp(primals: tuple[jax.Array], tangents: tuple[jax.Array]) -> tuple[jax.Array, jax.Array]:
    (e,), (rise,) = primals, tangents
    return _barrier(e), rise * _slope(e)


def _risk(theta: jax.Array, batch: Any, constants: Any) -> jax.Array:
    return jnp.sum(_barrier(theta))


def _gap(theta: jax.Array, problem: Problem) -> jax.Array:
    return jnp.sum(_barrier(theta.astype(jnp.float64)))


def log_barrier(start: float = 3.0) -> Problem:
    """f = x − ln x − 1 = e − log(1+e) on x = 1 + e > 0; θ = e is an array [1], θ* = 0, f* = 0, θ0 = ``start`` − 1.

    The coordinate e = x − 1 holds distances to the minimiser down to 1e-300, where x itself would end at 1e-16. With
    f' = e/(1+e) and f'' = 1/(1+e)² a Newton step is e → −e², rounded to 2^-53·|e|: it converges for 0 < x < 2 only, and
    from x >= 2 leaves the domain. |f'''| = 2 f''^(3/2): self-concordance with equality (Nesterov and Nemirovskii,
    Interior-Point Polynomial Algorithms in Convex Programming, 1994). f is not smooth near 0 and flattens far out.
    Outside the domain f is NaN, or infinite at its boundary, so a run that lands there has diverged.

    Raises ConvlabError where start is not positive, or is 1, the minimiser.
    """
    start = positive("start", start)
    e = start - 1.0
    if e == 0.0:
        raise ConvlabError(f"start = {start}; that is the minimiser, begin at another positive number")
    if e == -1.0:
        raise ConvlabError(f"start = {start}; e = start − 1 cannot be told from −1 in float64, write at least 1e-16")
    zero, logarithm = np.zeros(()), ln(1 + Fraction(e))
    initial = Between(Fraction(e) - logarithm.high, Fraction(e) - logarithm.low)
    return Problem(
        risk=_risk,
        gap=_gap,
        theta0=np.array([e]),
        optimum=Optimum(np.zeros(1), np.zeros(1), zero, zero, radius=zero, rounding=zero),
        name="log_barrier",
        known={"mu": Known(0.0, "exact"), "D": Known(abs(e), "exact"), "initial_gap": initial.known()},
        traits=frozenset({"convex", "self-concordant", "twice differentiable", "has minimiser", "one-dimensional"}),
        denied={
            "smooth": "f'' = 1/x² is unbounded near 0",
            "strongly convex": "f'' = 1/x² tends to 0 far out",
            "Lipschitz Hessian": "f''' = −2/x³ is unbounded near 0",
        },
        certificate="closed form: x* = 1 and f* = 0 exactly",
    )
