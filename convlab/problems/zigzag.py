"""The L-smooth f on the line whose slope zigzags between g and g/2: no gradient is small on the way of step 1/L."""

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
from convlab.problems._enclosure import Between, exactly
from convlab.problems._parameters import positive

EXAMPLE = {"segments": 3, "L": 2.0, "initial_gap": 1.5}
_MOST = 1_000_000


def _risk(theta: jax.Array, batch: Any, constants: Any) -> jax.Array:
    L, g, width, bowl = constants["L"], constants["g"], constants["width"], constants["bowl"]
    half = 0.5 * width
    inside = theta <= bowl
    low = jnp.where(inside, theta, 0.0)  # branches not taken are held back, lest they overflow
    way = jnp.where(inside, 0.0, theta - bowl)
    whole = jnp.minimum(jnp.floor(way / width), constants["segments"])
    beyond = whole == constants["segments"]
    s = way - whole * width
    descent, ascent = jnp.where(beyond, 0.0, jnp.minimum(s, half)), jnp.where(beyond, 0.0, jnp.maximum(s - half, 0.0))
    # the slope falls from g to g − L·half, then rises again; beyond the last segment it stays g
    segment = (g - 0.5 * L * descent) * descent + (g - L * half + 0.5 * L * ascent) * ascent
    last = g * jnp.where(beyond, s, 0.0)
    climb = whole * (g - 0.25 * L * width) * width + segment + last
    return jnp.sum(jnp.where(inside, 0.5 * L * jnp.square(low), 0.5 * L * jnp.square(bowl) + climb))


def _gap(theta: jax.Array, problem: Problem) -> jax.Array:
    return problem.risk(theta.astype(jnp.float64), (), problem.constants)


def zigzag(segments: int, L: float = 1.0, initial_gap: float = 1.0) -> Problem:
    """f' = L·x up to x = g/L, then T = ``segments`` times from g down to g/2 and up again; x* = 0, f* = 0.

    A piece has the length w = g/L, and f' = g − L·min(s, w − s) at its position s; beyond the last one f' = g.
    x0 = (T+1)·w is its end, and f(x0) = ``initial_gap``. θ is an array [1].

    A piece is (3/4)g²/L high, the bowl g²/(2L), so g² = 4·L·initial_gap/(3T+2). Gradient descent with step 1/L goes
    from one end of a piece to the next and sees |f'| = g at x_0, …, x_T: min_t ‖∇f(x_t)‖² is the largest possible for
    an L-smooth function (Abbaszadehpeivasti, de Klerk and Zamani, Optim. Lett. 16 (2022)).

    A point that falls short of the end of a piece doubles its error in each step, one that goes too far loses it. So
    w is shorter than g/L by (T+1)·2^-49, which is more than float64 rounds; g differs by as little. In float32 the
    rounding errors double, and the gradients shrink after some 15 steps.

    Raises ConvlabError where segments is not from 1 to 10^6, L or initial_gap not positive and finite.
    """
    T, L, gap = int(segments), positive("L", L), positive("initial_gap", initial_gap)
    if not 1 <= T <= _MOST:
        raise ConvlabError(f"segments = {segments}; it must be a whole number from 1 to {_MOST:,}")
    share = 1.0 / (1.0 + (T + 1) * 2.0**-49)
    g = math.sqrt(L) * math.sqrt(gap / (T * (share - 0.25 * share**2) + 0.5))
    bowl = g / L
    width = share * bowl
    start = T * width + bowl
    numbers = (L, g, width, bowl, float(T))
    known = {"L": Known(L, "exact"), "D": Known(start, "exact"), "initial_gap": _height(numbers, start).known()}
    zero = np.zeros(())
    jumps = "f'' jumps between −L and L"
    return Problem(
        risk=_risk,
        gap=_gap,
        theta0=np.array([start]),
        optimum=Optimum(np.zeros(1), np.zeros(1), zero, zero, radius=zero, rounding=zero),
        constants={name: np.array(v) for name, v in zip(_CONSTANTS, numbers, strict=True)},
        name="zigzag",
        known=known,
        traits=frozenset({"smooth", "has minimiser", "one-dimensional"}),
        denied={
            "convex": "f'' is −L on half of each segment",
            "strongly convex": "f'' is −L on half of each segment",
            "twice differentiable": jumps,
            "Lipschitz Hessian": jumps,
        },
        certificate="closed form: x* = 0 and f* = 0 exactly",
    )


_CONSTANTS = ("L", "g", "width", "bowl", "segments")


def _height(numbers: tuple[float, ...], start: float) -> Between:
    """f(start), without rounding, of the function that has these constants: start is the end of the last piece, where
    f' = g, up to its rounding."""
    L, g, width, bowl, T = map(Fraction, numbers)
    off = Fraction(start) - bowl - T * width
    end = L * bowl**2 / 2 + T * (g - L * width / 4) * width
    return exactly(end + g * off + (L * off**2 / 2 if off < 0 else 0))
