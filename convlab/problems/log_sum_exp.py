"""f(θ) = s·log Σ_j (exp(a_j·θ/s) + exp(−a_j·θ/s)), a smooth maximum of |a_j·θ|, or of affine functions."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from convlab.core.errors import ConvlabError
from convlab.core.problem import Optimum, Problem
from convlab.core.setting import Known
from convlab.problems import _double as dd
from convlab.problems import _softmax
from convlab.problems._enclosure import ln, norm
from convlab.problems._parameters import nonnegative, positive

EXAMPLE = {"rows": 6, "dimension": 3, "scale": 0.5, "D": 1.25}
VARIANTS = {
    "steep": {"rows": 6, "dimension": 3, "scale": 0.01},
    "shifted": {"rows": 9, "dimension": 4, "scale": 0.75, "shift": 0.5, "D": 1.5},
}
_FAR = 30.0  # beyond, cosh is squared by the second derivative and the plain logarithm has no cancellation


def _excess(theta: jax.Array, constants: Any) -> jax.Array:
    """s·log(mean_j cosh z_j), z = Aθ/s: the gap. Near 0 it is log1p(mean 2 sinh²(z/2)), all terms positive."""
    z = (constants["A"] @ theta) / constants["scale"]
    near = jnp.max(jnp.abs(z)) <= _FAR
    small, large = jnp.where(near, z, 0.0), jnp.where(near, 0.0, z)
    below = jnp.log1p(jnp.mean(2.0 * jnp.square(jnp.sinh(0.5 * small))))
    above = jax.nn.logsumexp(jnp.concatenate([large, -large])) - math.log(2 * z.shape[0])
    excess: jax.Array = constants["scale"] * jnp.where(near, below, above)
    return excess


def _risk(theta: jax.Array, batch: Any, constants: Any) -> jax.Array:
    least: jax.Array = constants["scale"] * math.log(2 * constants["A"].shape[0])
    return least + _excess(theta, constants)


def _gap(theta: jax.Array, problem: Problem) -> jax.Array:
    return _excess(theta.astype(jnp.float64), problem.constants)


def log_sum_exp(
    rows: int = 20, dimension: int = 5, scale: float = 1.0, D: float = 1.0, data_seed: int = 0, shift: float = 0.0
) -> Problem:
    """f(θ) = s·log Σ_j (exp((a_j·θ + b_j)/s) + exp((c_j − a_j·θ)/s)), θ an array [d], s = ``scale``.

    The m = ``rows`` vectors a_j in R^d, d = ``dimension``, are standard normal, from ``data_seed``, and b_j, c_j are
    ``shift`` times standard normal ones. Without shift θ* = 0 and f* = s·log(2m), in closed form; with one no
    coordinate of θ* is 0, and Newton's method in doubled precision finds it. All coordinates of θ0 − θ* are alike, and
    its norm is ``D``. f is no mean over rows, so minibatches have nothing to draw.

    With X = ±a_j drawn by the softmax weights and ‖v‖ = 1, the derivatives along v are the cumulants of X·v over 1, s
    and s². X·v lies in [−r, r], r = max‖a_j‖, so G = r, L = r²/s, and M = 8r³/(6√3·s²), the largest third central
    moment on that interval. No mu: f is affine in the limit far out.
    Raises ConvlabError where rows < dimension (the minimiser would not be unique), or a number is out of range.
    """
    m, d, scale, D = int(rows), int(dimension), positive("scale", scale), positive("D", D)
    if not 1 <= d <= m or m * d > 1 << 27:
        raise ConvlabError(
            f"rows = {rows} and dimension = {dimension}: write 1 <= dimension <= rows, at most 2^27 numbers"
        )
    if not 1e-50 <= scale <= 1e50:
        raise ConvlabError(f"scale = {scale}; it must be from 1e-50 to 1e50")
    shift = nonnegative("shift", shift)
    if data_seed < 0:
        raise ConvlabError(f"data_seed = {data_seed}; it must not be negative")
    generator = np.random.Generator(np.random.PCG64(data_seed))
    A = generator.standard_normal((m, d))
    longest = float(np.linalg.norm(A, axis=1).max()) * (1.0 + (d + 5) * 2.0**-53)
    up = 1.0 + 16 * 2.0**-53  # nine roundings
    traits = {"convex", "smooth", "Lipschitz", "twice differentiable", "Lipschitz Hessian", "has minimiser"}
    known = {
        "L": Known(longest**2 / scale * up, "upper bound"),
        "mu": Known(0.0, "exact"),
        "M": Known(8.0 * longest**3 / (6.0 * 3.0**0.5 * scale**2) * up, "upper bound"),
        "G": Known(longest, "upper bound"),
    }
    zero, constants = np.zeros(()), {"A": A, "scale": np.array(scale)}
    low, high = (np.array(end) for end in ln(2 * m).times(scale).ends())
    optimum = Optimum(np.zeros(d), np.zeros(d), low, high, radius=zero, rounding=zero)
    words = "closed form: f is even and convex, so theta* = 0 and f* = s·log(2m)"
    if shift > 0.0:
        constants["b"] = shift * generator.standard_normal((2, m))
        optimum, constants["p"], words = _softmax.certified(A, constants["b"], scale, known["L"].value)
    theta0 = optimum.hi + D / math.sqrt(d)
    e = dd.add(dd.pair(theta0), dd.negative((np.asarray(optimum.hi), np.asarray(optimum.lo))))
    off = float(optimum.radius) + 2.0**-104 * float(np.abs(e[0]).sum()) * (shift > 0.0)
    known["D"] = norm(*e, radius=off).known()
    p = constants.get("p", np.full((2, m), 0.5 / m))
    known["initial_gap"] = _softmax.gap_of_start(A, e[0], scale, p, off).known()
    return Problem(
        risk=_softmax.shifted_risk if shift > 0.0 else _risk,
        gap=_softmax.shifted_gap if shift > 0.0 else _gap,
        theta0=theta0,
        optimum=optimum,
        constants=constants,
        name="log_sum_exp",
        known=known,
        traits=frozenset(traits | ({"one-dimensional"} if d == 1 else set())),
        denied={"strongly convex": "the Hessian of the log-sum-exp tends to 0 far out"},
        certificate=words,
    )
