"""Measuring: gap, ‖∇R‖² and ‖θ − θ*‖² at the kept points, all checkpoints of all runs in batched calls afterwards.

The risk is never evaluated inside the loop. The gap has two ways: where the plain difference R(θ) − R(θ*) is accurate
to 1e-12 relative it is taken, elsewhere the formula without cancellation, which costs some ten times as much.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from convlab.calculus.derivatives import unchecked_hessian, value_and_gradient
from convlab.core.problem import (
    Optimum,
    Problem,
    Stationary,
    Theta,
    completed,
    displacement,
    remainder,
    risk_gap,
    risk_of,
    shown_risk,
    squared_norm,
)

CHUNK = 1 << 20  # numbers in the largest temporary of one call: more of them is no faster, and takes memory
_TOGETHER = 4  # points of one call, at least: data beyond the cache are read once for all of them
_NODES, _FEWER = 20, 14  # of the integral, and of the one whose difference from it estimates its error
_ACCURATE = 1e-12  # relative error up to which the plain difference of risks serves as the gap
U = 2.0**-53


@jax.jit
def _plain(problem: Problem, points: Theta) -> tuple[jax.Array, jax.Array, jax.Array]:
    def one(theta: Theta) -> tuple[jax.Array, jax.Array, jax.Array]:
        smooth = value_and_gradient(functools.partial(shown_risk, problem), theta, "measure")
        value, grad = completed(problem, theta, *smooth)
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


@functools.partial(jax.jit, static_argnames=("nodes",))
def _remainders(problem: Problem, points: Theta, nodes: int) -> jax.Array:
    centre = problem.optimum if problem.stationary is None else problem.stationary
    assert centre is not None
    return jax.vmap(lambda theta: remainder(theta, problem, centre, nodes))(points)


@jax.jit
def _squared_distances(points: Theta, centre: Stationary) -> jax.Array:
    return jax.vmap(lambda theta: squared_norm(displacement(theta, centre)))(points)


def measure(
    problem: Problem, points: Theta, decrement: bool = False, poll: Callable[[], None] = lambda: None
) -> dict[str, np.ndarray]:
    """The quantities at P points (leading axis of every leaf), as float64 arrays [P].

    Non-finite points give non-finite values. dist2 is NaN where there is no minimiser, the gap where no optimum is
    known. Where a problem has a certified stationary point θ̄ in place of a minimiser, stationary_gap = R(θ) − R(θ̄) and
    stationary_dist2 = ‖θ − θ̄‖² are there too; decrement2, which costs a linear system, if ``decrement`` asks for it.
    """
    count = jax.tree.leaves(points)[0].shape[0]
    dimension = sum(leaf.size for leaf in jax.tree.leaves(problem.theta0))
    numbers = max(problem.rows, dimension, 1) * (dimension if decrement else 1)  # a decrement takes a Hessian
    size = max(_TOGETHER, CHUNK // numbers)

    def chunk(low: int) -> Theta:
        poll()  # between two calls a run may be ended
        return jax.tree.map(lambda leaf: np.asarray(leaf[low : low + size], np.float64), points)

    parts = [_measure_chunk(problem, chunk(low), decrement) for low in range(0, count, size)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _measure_chunk(problem: Problem, points: Theta, decrement: bool) -> dict[str, np.ndarray]:
    risk, grad_norm2, dist2 = (np.asarray(values) for values in _plain(problem, points))
    found = {"gap": _gap(problem, points, risk), "grad_norm2": grad_norm2, "dist2": dist2}
    if problem.stationary is not None:
        found["stationary_gap"] = _difference(problem, points, risk, problem.stationary)
        found["stationary_dist2"] = np.asarray(_squared_distances(points, problem.stationary))
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
    return _difference(problem, points, risk, optimum)


def _difference(problem: Problem, points: Theta, risk: np.ndarray, centre: Optimum | Stationary) -> np.ndarray:
    """R(θ) − R(c) from a point c where the gradient vanishes: the plain difference where that is the more accurate.

    So it is where its rounding is proven to be below 1e-12 of it. A closed form is good to a few u everywhere, and only
    dearer. The integral is not: Gauss and Legendre's error grows far out as the Hessian bends along the way. It is
    estimated by what fewer nodes give, and the plain difference is taken where it errs less than that, too.
    """
    least = 0.5 * (float(centre.risk_low) + float(centre.risk_high))
    found = risk - least
    with np.errstate(invalid="ignore", over="ignore"):  # a run that diverges
        error = risk_rounding(problem, points, risk, least)
    (coarse,) = np.nonzero(np.isfinite(found) & (np.abs(found) * _ACCURATE < error))
    if not coarse.size:
        return np.asarray(found)
    found = found.copy()
    if problem.gap is not None:
        found[coarse] = _chosen(lambda some: _gaps(problem, some), points, coarse)
        return np.asarray(found)
    refined = _chosen(lambda some: _remainders(problem, some, _NODES), points, coarse)
    fewer = _chosen(lambda some: _remainders(problem, some, _FEWER), points, coarse)
    found[coarse] = np.where(np.abs(refined - fewer) <= error[coarse], refined, found[coarse])
    return np.asarray(found)


def risk_rounding(problem: Problem, points: Theta, risk: np.ndarray, least: float) -> np.ndarray:
    """A bound on the rounding error of R(θ) − R*: of the mean of n terms, and of what each term is a function of.

    A row's argument x·θ is rounded by about u‖x‖‖θ‖, which moves its term by the slope of its loss as much. The mean of
    slope·u‖x‖ is part of the certified rounding ε of ∇R near θ*; elsewhere the slopes of a smooth loss grow with √R.
    """
    centre = problem.optimum if problem.stationary is None else problem.stationary
    assert centre is not None
    with np.errstate(over="ignore", invalid="ignore"):  # a run that diverges
        size = np.sqrt(sum(np.square(leaf.reshape(len(risk), -1)).sum(axis=1) for leaf in jax.tree.leaves(points)))
    star = math.sqrt(sum(float(np.square(leaf).sum()) for leaf in jax.tree.leaves(centre.hi)))
    with np.errstate(over="ignore", invalid="ignore"):
        steeper = np.sqrt(np.maximum(risk / max(least, np.finfo(float).tiny), 1.0)) if least > 0 else 1.0
        spread = float(centre.rounding) * (size + star) * steeper
        return np.asarray(16 * U * (np.abs(risk) + abs(least)) + 4 * spread)


def _chosen(formula: Callable[[Theta], jax.Array], points: Theta, chosen: np.ndarray) -> np.ndarray:
    """A formula at the chosen points, padded to a power of two so that few shapes are compiled."""
    padded = 1 << max(1, math.ceil(math.log2(chosen.size)))
    index = np.concatenate([chosen, np.full(padded - chosen.size, chosen[0])])
    return np.asarray(formula(jax.tree.map(lambda leaf: leaf[index], points)))[: chosen.size]


def relative_errors(problem: Problem) -> dict[str, float]:
    """Relative errors beyond the rounding of sums: a gap may be a plain difference where that is accurate enough."""
    plain = problem.rows > 0 or problem.gap is None
    names = ["gap"] if plain and problem.optimum is not None else []
    return dict.fromkeys([*names, *(["stationary_gap"] if problem.stationary is not None else [])], _ACCURATE)
