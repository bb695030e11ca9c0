"""f(θ) = s·log Σ_j (exp(a_j·θ/s) + exp(−a_j·θ/s)), a smooth maximum of |a_j·θ|, with its minimiser at 0."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from convlab.core.errors import ConvlabError
from convlab.core.problem import Optimum, Problem
from convlab.core.setting import Known
from convlab.problems._parameters import positive

EXAMPLE = {"rows": 6, "dimension": 3, "scale": 0.5, "D": 1.25}
VARIANTS = {"steep": {"rows": 6, "dimension": 3, "scale": 0.01}}
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


def log_sum_exp(rows: int = 20, dimension: int = 5, scale: float = 1.0, D: float = 1.0, data_seed: int = 0) -> Problem:
    """f(θ) = s·log Σ_j (exp(a_j·θ/s) + exp(−a_j·θ/s)), θ an array [d], s = ``scale``; θ* = 0, f* = s·log(2m).

    The m = ``rows`` vectors a_j in R^d, d = ``dimension``, are standard normal, from ``data_seed``. θ0 has all
    coordinates alike and norm ``D``. f is no mean over rows, so minibatches have nothing to draw.

    With X = ±a_j drawn by the softmax weights and ‖v‖ = 1, the derivatives along v are the cumulants of X·v over 1, s
    and s². X·v lies in [−r, r], r = max‖a_j‖, so G = r, L = r²/s, and M = 8r³/(6√3·s²), the largest third central
    moment on that interval. No mu: f is affine in the limit far out.
    Raises ConvlabError where rows < dimension (the minimiser would not be unique), or a number is not positive.
    """
    m, d, scale, D = int(rows), int(dimension), positive("scale", scale), positive("D", D)
    if not 1 <= d <= m or m * d > 1 << 27:
        raise ConvlabError(
            f"rows = {rows} and dimension = {dimension}: write 1 <= dimension <= rows, at most 2^27 numbers"
        )
    if not 1e-50 <= scale <= 1e50:
        raise ConvlabError(f"scale = {scale}; it must be from 1e-50 to 1e50")
    if data_seed < 0:
        raise ConvlabError(f"data_seed = {data_seed}; it must not be negative")
    A = np.random.Generator(np.random.PCG64(data_seed)).standard_normal((m, d))
    longest = float(np.linalg.norm(A, axis=1).max()) * (1.0 + (d + 5) * 2.0**-53)
    theta0 = np.full(d, D / math.sqrt(d))
    traits = {"convex", "smooth", "Lipschitz", "twice differentiable", "Lipschitz Hessian", "has minimiser"}
    minimum, zero = np.array(scale * math.log(2 * m)), np.zeros(())
    return Problem(
        risk=_risk,
        gap=_gap,
        theta0=theta0,
        optimum=Optimum(np.zeros(d), np.zeros(d), minimum, minimum, radius=zero, rounding=zero),
        constants={"A": A, "scale": np.array(scale)},
        name="log_sum_exp",
        known={
            "L": Known(longest**2 / scale, "upper bound"),
            "mu": Known(0.0, "exact"),
            "M": Known(8.0 * longest**3 / (6.0 * 3.0**0.5 * scale**2), "upper bound"),
            "G": Known(longest, "upper bound"),
            "D": Known(float(np.linalg.norm(theta0)), "exact"),
            "initial_gap": Known(_initial_gap(A @ theta0 / scale, scale), "computed"),
        },
        traits=frozenset(traits | ({"one-dimensional"} if d == 1 else set())),
        denied={"strongly convex": "the Hessian of the log-sum-exp tends to 0 far out"},
        certificate="closed form: f is even and convex, so theta* = 0 and f* = s·log(2m)",
    )


def _initial_gap(z: np.ndarray, scale: float) -> float:
    top = float(np.abs(z).max())
    if top <= _FAR:
        return scale * math.log1p(float(np.mean(2.0 * np.sinh(0.5 * z) ** 2)))
    total = np.exp(z - top) + np.exp(-z - top)
    return scale * (top + math.log(float(total.sum())) - math.log(2 * len(z)))
