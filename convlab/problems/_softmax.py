"""f(θ) = s·log Σ_j exp((a_j·θ + b_j)/s), a smooth maximum of affine functions: its gap, and its certified minimiser.

With p = softmax at θ*, where Σ_j p_j a_j = 0, and z_j = a_j·e/s, e = θ − θ*,

    f(θ) − f(θ*) = s·log Σ_j p_j e^{z_j} = s·log1p(Σ_j p_j (e^{z_j} − 1 − z_j)),

whose terms are all nonnegative: what cancels, Σ p_j z_j, is left out, and is 0. The third derivative is a third
cumulant, |D³f[u, u, v]| ≤ (2r/s)·D²f[u, u]·‖v‖ with r = max‖a_j‖, so f is quasi-self-concordant like the logistic
loss, ∇²f(θ+d) ⪰ e^{−B‖d‖}∇²f(θ) with B = 2r/s (Bach, Electron. J. Stat. 4 (2010), Prop. 1; Sun and Tran-Dinh 2019).
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from convlab.core.errors import ConvlabError
from convlab.core.problem import Optimum, Problem, displacement
from convlab.problems import _double as dd
from convlab.problems._certify import SAFE, Certified, U, accumulation
from convlab.problems._enclosure import Between, doubled

Array = npt.NDArray[np.float64]
_FAR = 600.0  # e^z is far from overflow, and the sum then large enough for the plain logarithm
_TERMS = 18  # 1/20! < 1e-18


def shifted_risk(theta: jax.Array, batch: Any, constants: Any) -> jax.Array:
    """s·log Σ_j exp((a_j·θ + b_j)/s), the rows a_j of ``A`` and −a_j alike, ``b`` [2, m] for both."""
    z = constants["A"] @ theta
    both = jnp.stack([z, -z]) + constants["b"]
    value: jax.Array = constants["scale"] * jax.nn.logsumexp(both / constants["scale"])
    return value


def shifted_gap(theta: jax.Array, problem: Problem) -> jax.Array:
    """f(θ) − f(θ*) by the formula above."""
    assert problem.optimum is not None
    constants = problem.constants
    z = (constants["A"] @ displacement(theta, problem.optimum)) / constants["scale"]
    both, p = jnp.stack([z, -z]), constants["p"]
    near = jnp.max(jnp.abs(z)) <= _FAR
    small, large = jnp.where(near, both, 0.0), jnp.where(near, 0.0, both)
    below = jnp.log1p(jnp.sum(p * rest_of_exp(small)))
    above = jax.nn.logsumexp(large, b=p)
    value: jax.Array = constants["scale"] * jnp.where(near, below, above)
    return value


def rest_of_exp(z: jax.Array) -> jax.Array:
    """e^z − 1 − z ≥ 0 to a few units of rounding: for |z| ≤ 1 by its series z²/2 + z³/6 + …"""
    near = jnp.abs(z) <= 1.0
    small, series = jnp.where(near, z, 0.0), jnp.zeros_like(z)
    for k in range(_TERMS, 1, -1):
        series = 1.0 / math.factorial(k) + small * series
    return jnp.where(near, series * jnp.square(small), jnp.expm1(z) - z)


def log_mean_exp(z: Array, p: Array) -> float:
    """log Σ_j p_j e^{z_j} where Σ_j p_j z_j = 0, without cancellation, on the host."""
    top = float(np.abs(z).max())
    if top > 30.0:
        return top + math.log(float(np.sum(p * np.exp(z - top))))
    with np.errstate(under="ignore"):
        series = np.zeros_like(z)
        for k in range(_TERMS, 1, -1):
            series = 1.0 / math.factorial(k) + np.clip(z, -1.0, 1.0) * series
        rest = np.where(np.abs(z) <= 1.0, series * z**2, np.expm1(z) - z)
    return math.log1p(float(np.sum(p * rest)))


def gap_of_start(A: Array, e: Array, s: float, p: Array, radius: float) -> Between:
    """f(θ0) − f*, e = θ0 − θ* up to ``radius``: z errs by its (d + 3)u|A||e|/s, and f/s by at most 2 min(1, max|z|) as
    much, as |Σ p_j(e^{z_j} − 1)| <= that; then 2m terms, whose sum, or the logarithm far out, errs by (2m + 60)u."""
    m, d = A.shape
    z = A @ e / s
    top, value = float(np.abs(z).max()), log_mean_exp(np.stack([z, -z]), p)
    blur = SAFE * ((d + 3) * U * float((np.abs(A) @ np.abs(e)).max()) + radius * float(np.abs(A).sum(axis=1).max())) / s
    error = 2.0 * blur * min(1.0, top + blur) + (2 * m + 60) * U * (value + (top if top > 30.0 else 0.0))
    return Between(Fraction(max(value - error, 0.0)), Fraction(value + error)).times(s)


def certified(A: Array, b: Array, s: float, L: float) -> tuple[Optimum, Array, str]:
    """The optimum for rows A and −A with b [2, m], p [2, m], and the certificate in words."""
    rows, offsets = np.concatenate([A, -A]), b.reshape(-1)
    solved = minimiser(rows, offsets, s)
    if solved is None:
        raise ConvlabError(f"scale = {s:g} with this shift: no minimiser could be certified; take a larger scale")
    found, p = solved
    rounding = gradient_rounding(rows, offsets, s, found.hi, p) + L * U * float(np.linalg.norm(found.hi))
    numbers = (np.array(value) for value in (found.risk_low, found.risk_high, found.radius, rounding))
    return Optimum(found.hi, found.lo, *numbers), p.reshape(b.shape), found.words


def minimiser(A: Array, b: Array, s: float) -> tuple[Certified, Array] | None:
    """θ* of s·log Σ_j exp((a_j·θ + b_j)/s) with rows A [m, d], b [m], and p [m]; None where it could not be proven.

    Newton in float64, refinement in double-double, then the proof of `_certify` for quasi-self-concordant functions.
    """
    theta = _newton(A, b, s)
    if theta is None:
        return None
    H = _curvature(A, b, s, theta)
    point = dd.pair(theta)
    weights, largest = _weights(A, b, s, point)
    best, slope = point, dd.columns_times(A, weights)[0]
    for _ in range(40):
        point = dd.add(best, dd.pair(np.asarray(-np.linalg.solve(H, slope))))
        weights, top = _weights(A, b, s, point)
        again = dd.columns_times(A, weights)[0]
        if not np.linalg.norm(again) < 0.5 * np.linalg.norm(slope):
            break
        best, slope, largest = point, again, top
    weights, largest = _weights(A, b, s, best)
    lengths = np.linalg.norm(A, axis=1)
    exponent = (np.abs(A) @ np.abs(best[0]) + np.abs(b)) / s
    lost = 2.0**-98 + 2.0**-101 * (A.shape[1] + 4) * exponent  # of exp, and of what it is taken of
    g = float(np.linalg.norm(slope)) + 2.0 * float(np.sum(weights[0] * lengths * lost))
    mu = _least_curvature(A, b, s, best[0], g)
    if not mu > 0.0:
        return None
    spread = (8.0 * A.shape[1] + 28.0) * float(exponent.max()) + 9.0 * math.log(len(A)) + 200.0  # of e^z, log and z
    value = doubled(largest, SAFE * s * U**2 * spread)
    low, high = value._replace(low=value.low - Fraction(SAFE * g * g / mu / 2.0)).ends()
    words = (
        f"Newton, refined in doubled precision to |grad f| <= {g:.1e}; quasi-self-concordance: "
        f"|theta - theta*| <= {g / mu:.1e}"
    )
    return Certified(*best, low, high, g / mu * (1.0 + 4 * U), words), np.asarray(weights[0])


def gradient_rounding(A: Array, b: Array, s: float, theta: Array, p: Array) -> float:
    """A bound on the rounding error of Σ_j p_j a_j in float64: of the sum, and of the exponents that p_j comes from."""
    m, d = A.shape
    exponents = accumulation(d) * (np.abs(A) @ np.abs(theta) + np.abs(b)) / s
    return U * float(np.sum(p * np.linalg.norm(A, axis=1) * (2.0 * exponents + accumulation(m) + 10.0)))


def _weights(A: Array, b: Array, s: float, theta: dd.Pair) -> tuple[dd.Pair, dd.Pair]:
    """The softmax p in double-double, and s·log Σ_j exp((a_j·θ + b_j)/s)."""
    scale = dd.pair(np.full(len(A), s))
    exponents = dd.divide(dd.add(dd.rows_times(A, theta), dd.pair(b)), scale)
    at = int(np.argmax(exponents[0]))
    top = (exponents[0][at], exponents[1][at])
    shifted = dd.add(exponents, dd.negative((np.full(len(A), top[0]), np.full(len(A), top[1]))))
    powers = dd.exp(shifted)
    total = dd.total(powers)
    weights = dd.divide(powers, (np.full(len(A), total[0]), np.full(len(A), total[1])))
    log = dd.pair(np.log(total[0]))  # one Newton step on e^y = Σ, from float64
    log = dd.add(log, dd.add(dd.multiply(total, dd.exp(dd.negative(log))), dd.pair(np.array(-1.0))))
    return weights, dd.multiply(dd.pair(np.array(s)), dd.add(log, top))


def _probabilities(A: Array, b: Array, s: float, theta: Array) -> tuple[Array, float]:
    z = (A @ theta + b) / s
    top = float(z.max())
    powers = np.exp(z - top)
    return np.asarray(powers / powers.sum()), s * (top + math.log(float(powers.sum())))


def _curvature(A: Array, b: Array, s: float, theta: Array) -> Array:
    p, _ = _probabilities(A, b, s, theta)
    centred = A - p @ A
    return np.asarray((centred * p[:, None]).T @ centred / s)


def _newton(A: Array, b: Array, s: float) -> Array | None:
    """Damped Newton from 0; steps are halved until the value falls."""
    theta = np.zeros(A.shape[1])
    for _ in range(300):
        p, value = _probabilities(A, b, s, theta)
        H = _curvature(A, b, s, theta)
        H = H + 1e-14 * np.trace(H) * np.eye(len(H))
        if not np.trace(H) > 0.0:
            return None
        step = np.linalg.solve(H, p @ A)
        decrement, size = float(step @ (p @ A)), 1.0
        if not decrement > 1e-26 * max(s, abs(value)):
            break
        while size > 1e-12 and not _probabilities(A, b, s, theta - size * step)[1] <= value - 0.2 * size * decrement:
            size *= 0.5
            if decrement < 1e-12 * max(s, abs(value)):  # the values are rounded: Newton's own step
                size = 1.0
                break
        theta = theta - size * step
    return theta if np.all(np.isfinite(theta)) else None


def _least_curvature(A: Array, b: Array, s: float, theta: Array, g: float) -> float:
    """μ of f near θ with ‖∇f(θ)‖ ≤ g, such that a minimiser is proven to lie within g/μ of θ; 0 without a proof.

    As for the logistic loss: on the sphere ‖d‖ = r, f(θ+d) − f(θ) ≥ −g r + m ψ(Br)/B², ψ(x) = e^−x + x − 1.
    """
    values = np.linalg.eigvalsh(_curvature(A, b, s, theta))
    m = 0.99 * (float(values[0]) - 100.0 * sum(A.shape) * U * float(values[-1]))
    if m <= 0.0:
        return 0.0
    r = 3.0 * g / m
    x = 2.001 * float(np.linalg.norm(A, axis=1).max()) / s * r
    if x > 0.5 or not m * r**2 * (0.5 - x / 6.0) > g * r:
        return 0.0
    return m * math.exp(-x)
