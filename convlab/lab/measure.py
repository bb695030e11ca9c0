"""Measuring: gap, ‖∇R‖² and ‖θ − θ*‖² at the kept points, all checkpoints of all runs in batched calls afterwards.

The risk is never evaluated inside the loop. The gap has two ways: where the plain difference R(θ) − R(θ*) is accurate
to 1e-11 relative it is taken, elsewhere the formula without cancellation, which costs some ten times as much.
"""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from convlab.calculus.derivatives import unchecked_hessian, value_and_gradient
from convlab.core.problem import Problem, Theta, displacement, risk_gap, risk_of, squared_norm

CHUNK = 1 << 22  # numbers in the largest temporary of one call
_ACCURATE = 1e-11  # relative error up to which the plain difference of risks serves as the gap
U = 2.0**-53


@jax.jit
def _plain(problem: Problem, points: Theta) -> tuple[jax.Array, jax.Array, jax.Array]:
    def one(theta: Theta) -> tuple[jax.Array, jax.Array, jax.Array]:
        value, grad = value_and_gradient(functools.partial(risk_of, problem), theta, "measure")
        optimum = problem.optimum
        if optimum is None or optimum.hi is None:
            distance = jnp.full((), jnp.nan)
        else:
            distance = squared_norm(displacement(theta, optimum))
        return value, squared_norm(grad), distance

    return jax.vmap(one)(points)


@jax.jit
def _gaps(problem: Problem, points: Theta) -> jax.Array:
    return jax.vmap(lambda theta: risk_gap(theta, problem))(points)


def measure(problem: Problem, points: Theta, decrement: bool = False) -> dict[str, np.ndarray]:
    """The quantities at P points (leading axis of every leaf), as float64 arrays [P].

    Non-finite points give non-finite values. dist2 is NaN where there is no minimiser, the gap where no optimum is
    known; decrement2, which costs a linear system, is there if ``decrement`` asks for it.
    """
    points = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), points)
    count = jax.tree.leaves(points)[0].shape[0]
    dimension = sum(leaf.size for leaf in jax.tree.leaves(problem.theta0))
    size = max(1, CHUNK // max(problem.rows, dimension, 1))
    parts = [
        _measure_chunk(problem, jax.tree.map(lambda leaf, low=low: leaf[low : low + size], points), decrement)
        for low in range(0, count, size)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _measure_chunk(problem: Problem, points: Theta, decrement: bool) -> dict[str, np.ndarray]:
    risk, grad_norm2, dist2 = (np.asarray(values) for values in _plain(problem, points))
    found = {"gap": _gap(problem, points, risk), "grad_norm2": grad_norm2, "dist2": dist2}
    if decrement:
        found["decrement2"] = np.asarray(_decrements(problem, points))
    return found


@jax.jit
def _decrements(problem: Problem, points: Theta) -> jax.Array:
    """λ² = ∇Rᵀ(∇²R)⁻¹∇R, Newton's decrement squared: what a full Newton step would gain twice on a quadratic."""
    _, unravel = ravel_pytree(problem.theta0)

    def one(theta: Theta) -> jax.Array:
        def flat_risk(flat: jax.Array) -> jax.Array:
            return risk_of(problem, unravel(flat))

        flat = ravel_pytree(theta)[0]
        _, slope = value_and_gradient(flat_risk, flat, "measure")
        return jnp.vdot(slope, jnp.linalg.solve(unchecked_hessian(flat_risk, flat), slope))

    return jax.vmap(one)(points)


def _gap(problem: Problem, points: Theta, risk: np.ndarray) -> np.ndarray:
    optimum = problem.optimum
    if optimum is None:
        return np.full_like(risk, np.nan)
    if problem.rows == 0 and problem.gap is not None:
        return np.asarray(_gaps(problem, points))
    if optimum.hi is None:  # a one-sided R*: what is measured lies above the gap, by at most the error told
        return np.asarray(risk - float(optimum.risk_low))
    least = 0.5 * (float(optimum.risk_low) + float(optimum.risk_high))
    gap = risk - least
    (coarse,) = np.nonzero(np.isfinite(gap) & (gap * _ACCURATE < risk_rounding(problem, points, risk, least)))
    if coarse.size:
        gap = gap.copy()
        gap[coarse] = _refined(problem, points, coarse)
    return gap


def risk_rounding(problem: Problem, points: Theta, risk: np.ndarray, least: float) -> np.ndarray:
    """A bound on the rounding error of R(θ) − R*: of the mean of n terms, and of what each term is a function of.

    A row's argument x·θ is rounded by about u‖x‖‖θ‖, which moves its term by the slope of its loss as much. The mean of
    slope·u‖x‖ is part of the certified rounding ε of ∇R near θ*; elsewhere the slopes of a smooth loss grow with √R.
    """
    optimum = problem.optimum
    assert optimum is not None
    with np.errstate(over="ignore", invalid="ignore"):  # a run that diverges
        size = np.sqrt(sum(np.square(leaf.reshape(len(risk), -1)).sum(axis=1) for leaf in jax.tree.leaves(points)))
    star = math.sqrt(sum(float(np.square(leaf).sum()) for leaf in jax.tree.leaves(optimum.hi)))
    with np.errstate(over="ignore", invalid="ignore"):
        steeper = np.sqrt(np.maximum(risk / max(least, np.finfo(float).tiny), 1.0)) if least > 0 else 1.0
        spread = float(optimum.rounding) * (size + star) * steeper
        return np.asarray(16 * U * (np.abs(risk) + abs(least)) + 4 * spread)


def _refined(problem: Problem, points: Theta, chosen: np.ndarray) -> np.ndarray:
    """The accurate gap of the chosen points, padded to a power of two so that few shapes are compiled."""
    padded = 1 << max(1, math.ceil(math.log2(chosen.size)))
    index = np.concatenate([chosen, np.full(padded - chosen.size, chosen[0])])
    return np.asarray(_gaps(problem, jax.tree.map(lambda leaf: leaf[index], points)))[: chosen.size]


def floors(problem: Problem, dtype: str, by_value: bool = False) -> dict[str, float]:
    """The size of each quantity below which rounding decides, from the rounding error ε of ∇R near θ*.

    An optimizer cannot tell points with ‖∇R‖ ≤ ε apart: gap ≤ ε²/(2μ) for μ-strongly convex R (Polyak–Łojasiewicz),
    else gap ≤ ε·‖θ0 − θ*‖ by convexity; ‖θ − θ*‖ ≤ ε/μ. In float32 ε is larger by the ratio of the unit roundoffs.
    ``by_value``: an optimizer that steers by R(θ) − R*, such as Polyak's step, cannot tell gaps from the rounding of
    the values, (n + d + 8)·u·|R*|, and of R* itself.
    """
    optimum = problem.optimum
    if optimum is None or optimum.hi is None:
        return {"gap": 0.0, "grad_norm2": 0.0, "dist2": 0.0}
    rounding = float(optimum.rounding)
    if dtype == "float32":
        scale = problem.known["L"].value * problem.known["D"].value if {"L", "D"} <= problem.known.keys() else 0.0
        rounding = max(rounding * 2.0**29, 2.0**-24 * scale)
    mu = problem.known["mu"].value if "mu" in problem.known else 0.0
    distance = problem.known["D"].value if "D" in problem.known else 0.0
    gap = min(rounding**2 / (2 * mu), rounding * distance) if mu > 0 else rounding * distance
    dist2 = (rounding / mu) ** 2 if mu > 0 else 0.0
    if by_value:
        blind = _blind(problem, dtype)
        gap, dist2 = max(gap, blind), max(dist2, 2 * blind / mu if mu > 0 else 0.0)
    return {"gap": gap, "grad_norm2": rounding**2, "dist2": dist2}


def _blind(problem: Problem, dtype: str) -> float:
    """The size of R(θ) − R* below which values, whose terms are of the size of R* or of what R starts from, say
    nothing; 0 where R* = 0, which values tend to without cancellation."""
    optimum = problem.optimum
    assert optimum is not None
    low, high = float(optimum.risk_low), float(optimum.risk_high)
    least = max(abs(low), abs(high))
    if least == 0.0:
        return 0.0
    terms = problem.rows + sum(leaf.size for leaf in jax.tree.leaves(problem.theta0)) + 8
    start = problem.known["initial_gap"].value if "initial_gap" in problem.known else 0.0
    unit = 2.0**-24 if dtype == "float32" else U
    return float(terms * unit * (least + start) + (high - low) / 2)


def relative_errors(problem: Problem) -> dict[str, float]:
    """Relative errors beyond the rounding of sums: a gap may be a plain difference where that is accurate enough."""
    plain = problem.rows > 0 or problem.gap is None
    return {"gap": _ACCURATE} if plain and problem.optimum is not None else {}


def errors(problem: Problem) -> dict[str, float]:
    """Absolute errors of the measurements: the width of the interval for R(θ*), and what the radius of θ* allows."""
    optimum = problem.optimum
    if optimum is None:
        return {"gap": 0.0, "grad_norm2": 0.0, "dist2": 0.0}
    width = float(optimum.risk_high) - float(optimum.risk_low)
    return {"gap": width, "grad_norm2": 0.0, "dist2": float(optimum.radius) ** 2}
