"""f(x) = G·max(max_i x_i, ‖x‖ − D(1 + 1/√N)): it resists, and shows subgradient methods one coordinate at a time."""

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
from convlab.problems._enclosure import exactly, up
from convlab.problems._parameters import positive

EXAMPLE = {"dimension": 5, "G": 2.0, "D": 0.75}
VARIANTS = {"one coordinate": {"dimension": 1}}


@jax.custom_jvp
def _height(x: jax.Array, cut: jax.Array) -> jax.Array:
    """max(max_i x_i, ‖x‖ − cut). Its subgradient is e_i with i the first maximising index, where jax would mix ties."""
    return jnp.maximum(jnp.max(x), _norm(x) - cut)


@_height.defjvp
def _height_jvp(primals: tuple[jax.Array, jax.Array], tangents: tuple[jax.Array, jax.Array]) -> tuple[Any, Any]:
    (x, cut), (dx, dcut) = primals, tangents
    norm = _norm(x)
    outside = norm - cut > jnp.max(x)
    first = (jnp.arange(x.shape[0]) == jnp.argmax(x)).astype(x.dtype)
    subgradient = jnp.where(outside, x / jnp.where(outside, norm, 1.0), first)
    return _height(x, cut), jnp.sum(subgradient * dx) - jnp.where(outside, dcut, 0.0)


def _norm(x: jax.Array) -> jax.Array:
    square = jnp.sum(jnp.square(x))
    still = square == 0.0  # the root has no derivative there
    return jnp.where(still, 0.0, jnp.sqrt(jnp.where(still, 1.0, square)))


def _risk(theta: jax.Array, batch: Any, constants: Any) -> jax.Array:
    risk: jax.Array = constants["G"] * _height(theta, constants["D"] * (1.0 + theta.shape[0] ** -0.5))
    return risk


def _gap(theta: jax.Array, problem: Problem) -> jax.Array:
    """G·max(max_i e_i, ‖x‖ − D) with e = x − x*, where ‖x‖ − D = Σ e_i(x_i + x*_i)/(‖x‖ + D)."""
    assert problem.optimum is not None
    e, star = displacement(theta, problem.optimum), problem.optimum.hi
    D = problem.constants["D"]
    beyond = jnp.sum(e * (2.0 * star + e)) / (_norm(theta.astype(jnp.float64)) + D)
    gap: jax.Array = problem.constants["G"] * jnp.maximum(jnp.max(e), beyond)
    return gap


def max_coordinate(dimension: int, G: float = 1.0, D: float = 1.0) -> Problem:
    """f(x) = G·max(max_i x_i, ‖x‖ − D(1 + 1/√N)), x in R^N, N = ``dimension``, x0 = 0; f* = −GD/√N, θ an array [N].

    x* = −(D/√N)(1, …, 1) is at distance D: within ‖x‖ <= D, max_i x_i >= −‖x‖/√N >= −D/√N, and beyond the norm takes
    over. The subgradient is G·e_i with i the FIRST maximising index (G·x/‖x‖ where the norm is strictly larger), so
    that a subgradient step changes a coordinate not yet seen: with the step D/(G√N), f(x_t) − f* = GD/√N for t = 0, …,
    N−1. No method is better on all G-Lipschitz convex functions (Drori and Teboulle, Math. Program. 160 (2016)).

    Raises ConvlabError where the dimension is not from 1 to 10^6, G or D not positive and finite.
    """
    N, G, D = int(dimension), positive("G", G), positive("D", D)
    if not 1 <= N <= 1_000_000:
        raise ConvlabError(f"dimension = {dimension}; it must be a whole number from 1 to 1,000,000")
    depth = exactly(Fraction(D) ** 2 / N).root()
    hi = float(depth.low)
    lo = float(depth.low - Fraction(hi))
    off = max(abs(end - Fraction(hi) - Fraction(lo)) for end in depth)
    radius, initial = up(off * (math.isqrt(N) + 1)), depth.times(G)
    low, high = initial.ends()
    kink = "the largest coordinate changes at a kink"
    star = np.full(N, -hi), np.full(N, -lo)
    return Problem(
        risk=_risk,
        gap=_gap,
        theta0=np.zeros(N),
        optimum=Optimum(*star, np.array(-high), np.array(-low), radius=np.array(radius), rounding=np.zeros(())),
        constants={"G": np.array(G), "D": np.array(D)},
        name="max_coordinate",
        known={
            "G": Known(G, "exact"),
            "mu": Known(0.0, "exact"),
            "D": Known(D, "exact"),
            "initial_gap": initial.known(),
        },
        traits=frozenset({"convex", "Lipschitz", "has minimiser"} | ({"one-dimensional"} if N == 1 else set())),
        denied={
            "smooth": kink,
            "twice differentiable": kink,
            "Lipschitz Hessian": kink,
            "strongly convex": "max_i x_i is linear along each axis",
        },
        certificate="closed form: theta* = −(D/√N)(1, …, 1), its root between fractions, and f* = −GD/√N",
    )
