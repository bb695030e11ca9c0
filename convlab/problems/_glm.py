"""Risks of linear models, R(θ) = mean_i ℓ(x_i·θ, y_i) + (ridge/2)‖θ‖², and their gaps without cancellation.

A batch is (X [b, d], y [b]); θ is an array [d]; constants are {"ridge": ()}. All functions are module-level, so that
they are static under jit while data and ridge are traced.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from convlab.core.problem import Problem, displacement
from convlab.problems._row_products import row_products

# What is left out is less than 1e-17 of the whole, for |t| <= 1 in eᵗ = 1 + t + t²Σ and |v| <= 1/3 in artanh(v)
_ARTANH = [1.0 / (2 * k + 1) for k in range(17)]
_RESTS_OF_ARTANH = _ARTANH[1:]
_RESTS_OF_EXP = [1.0 / math.factorial(k + 2) for k in range(17)]


@jax.custom_jvp
def softplus(z: jax.Array) -> jax.Array:
    """log(1 + e^z) = max(z, 0) + log(1 + e^−|z|): finite for every finite z.

    Its derivative is given as ``jax.nn.sigmoid``, whose own rule is s(1 − s): so ``jax.grad`` is as fast as a gradient
    written by hand, and all derivatives stay finite at z = ±800, where autodiff of the formula divides by zero.

    >>> [float(softplus(jnp.float32(z))) for z in (-800.0, 800.0)]
    [0.0, 800.0]
    """
    value: jax.Array = jnp.maximum(z, 0.0) + _log_1_plus(jnp.exp(-jnp.abs(z)))
    return value


def _log_1_plus(e: jax.Array) -> jax.Array:
    """log(1 + e) for 0 <= e <= 1, to 4 units of rounding relative: 2 artanh(s), s = e/(2 + e) <= 1/3, by its series.

    The first term left out is 2e-18 of the whole. XLA's log1p is as accurate, and takes ten times as long on a CPU.
    """
    s = e / (2.0 + e)
    return 2.0 * s * _series(_ARTANH, jnp.square(s))


@softplus.defjvp
def _softplus_jvp(primals: tuple[jax.Array], tangents: tuple[jax.Array]) -> tuple[jax.Array, jax.Array]:
    value: jax.Array = softplus(primals[0])
    return value, jax.nn.sigmoid(primals[0]) * tangents[0]


def logistic_risk(theta: jax.Array, batch: Any, constants: Any) -> jax.Array:
    """mean_i log(1 + exp(−y_i x_i·θ)) + (ridge/2)‖θ‖², y_i = ±1."""
    X, y = batch
    loss: jax.Array = jnp.mean(softplus(-y * row_products(X, theta)))
    value: jax.Array = loss + 0.5 * constants["ridge"] * jnp.sum(jnp.square(theta))
    return value


def least_squares_risk(theta: jax.Array, batch: Any, constants: Any) -> jax.Array:
    """(1/2n)‖Xθ − y‖² + (ridge/2)‖θ‖²."""
    X, y = batch
    loss: jax.Array = 0.5 * jnp.mean(jnp.square(row_products(X, theta) - y))
    value: jax.Array = loss + 0.5 * constants["ridge"] * jnp.sum(jnp.square(theta))
    return value


def softplus_divergence(b: jax.Array, t: jax.Array) -> jax.Array:
    """The Bregman divergence softplus(b+t) − softplus(b) − σ(b)t >= 0, to some units of rounding for every b and t.

    Since x − softplus is −softplus(−x) up to its sign, b may be taken <= 0, so that p = σ(b) <= 1/2. For |t| <= 1 it is
    log(1 + u) − pt with u = p(eᵗ − 1), that is p(eᵗ − 1 − t) − (u − log(1 + u)): two terms of second order, each from a
    power series, whose difference is a third of the first at least. For larger t the formula itself, whose three terms
    are of one size and cancel at most one bit or two.
    """
    flip = jnp.where(b > 0, -1.0, 1.0).astype(b.dtype)
    b, t = flip * b, flip * t
    near, p = jnp.abs(t) <= 1.0, jax.nn.sigmoid(b)
    small = jnp.where(near, t, 0.0)
    above = jnp.square(small) * _series(_RESTS_OF_EXP, small)  # eᵗ − 1 − t
    u = p * (small + above)
    v = u / (2.0 + u)  # log(1 + u) = 2 artanh(v), and u − 2v = uv
    square = jnp.square(v)
    below = v * (u - 2.0 * square * _series(_RESTS_OF_ARTANH, square))  # u − log(1 + u)
    return jnp.where(near, p * above - below, softplus(b + t) - softplus(b) - p * t)


def _series(coefficients: Sequence[float], x: jax.Array) -> jax.Array:
    """Σ_k c_k x^k."""
    value = jnp.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        value = value * x + coefficient
    return value


def logistic_gap(theta: jax.Array, problem: Problem) -> jax.Array:
    """R(θ) − R(θ*) = mean_i D(−y_i x_i·θ, −y_i x_i·θ*) + (ridge/2)‖e‖², e = θ − θ*, D the divergence of softplus.

    The term ⟨∇R(θ*), e⟩ is left out: θ* is certified to some 1e-30.
    """
    assert problem.optimum is not None
    X, y = problem.data
    e = displacement(theta, problem.optimum)
    divergence = softplus_divergence(-y * (X @ problem.optimum.hi), -y * (X @ e))
    value: jax.Array = jnp.mean(divergence) + 0.5 * problem.constants["ridge"] * jnp.sum(jnp.square(e))
    return value


def least_squares_gap(theta: jax.Array, problem: Problem) -> jax.Array:
    """R(θ) − R(θ*) = ‖Xe‖²/(2n) + (ridge/2)‖e‖², e = θ − θ*."""
    assert problem.optimum is not None
    X, _ = problem.data
    e = displacement(theta, problem.optimum)
    value: jax.Array = 0.5 * jnp.mean(jnp.square(X @ e)) + 0.5 * problem.constants["ridge"] * jnp.sum(jnp.square(e))
    return value
