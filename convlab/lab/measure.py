"""Measuring: gap, ‖∇R‖² and ‖θ − θ*‖² at the kept points, all checkpoints of all runs in batched calls afterwards.

The risk is never evaluated inside the loop. The gap has two ways: where the plain difference R(θ) − R(θ*) is accurate
to 1e-12 relative it is taken, elsewhere the formula without cancellation, which costs some three times as much.

What is compiled depends on the problem's shapes alone: points are handed over in arrays of one length, with how many of
them are meant as a number, and go through the formula in blocks.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

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
_MOST = 1 << 10  # points of one call, at most
_BLOCK = 1 << 14  # numbers in the largest temporary of a block, with 8 points at least and 256 at most, a power of two
_CACHE = 1 << 18  # numbers of data beyond which a block waits for memory, so that many points go at once
_NODES, _FEWER = 20, 14  # of the integral, and of the one whose difference from it estimates its error
Formula = Callable[[Any, Theta], Any]  # of many points at once, and of what is the same for all of them
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


@jax.jit  # for blocks and for all at once it is traced once
def _gaps(problem: Problem, points: Theta) -> jax.Array:
    return jax.vmap(lambda theta: risk_gap(theta, problem))(points)


def _remainders(problem: Problem, points: Theta, nodes: int) -> jax.Array:
    centre = problem.optimum if problem.stationary is None else problem.stationary
    assert centre is not None
    return jax.vmap(lambda theta: remainder(theta, problem, centre, nodes))(points)


_REFINED = functools.partial(_remainders, nodes=_NODES)  # made once: a program belongs to its formula
_FEWER_NODES = functools.partial(_remainders, nodes=_FEWER)


def _stationary_distances(problem: Problem, points: Theta) -> jax.Array:
    centre = problem.stationary
    assert centre is not None
    return jax.vmap(lambda theta: squared_norm(displacement(theta, centre)))(points)


@functools.partial(jax.jit, static_argnames=("formula", "block", "at_once"))
def _in_blocks(formula: Formula, given: Any, points: Theta, count: jax.Array, block: int, at_once: bool) -> Any:
    """A formula at the first ``count`` points, of which the last block is filled up; what follows is zeros."""
    total = jax.tree.leaves(points)[0].shape[0]

    def turn(i: jax.Array, found: Any) -> Any:
        some = jax.tree.map(lambda leaf: jax.lax.dynamic_slice_in_dim(leaf, i * block, block), points)
        put = functools.partial(jax.lax.dynamic_update_slice_in_dim, start_index=i * block, axis=0)
        return jax.tree.map(put, found, formula(given, some))

    def all_blocks() -> Any:
        some = jax.tree.map(lambda leaf: leaf[:block], points)  # the shapes of a turn: what is traced is traced once
        shapes = jax.eval_shape(formula, given, some)
        nothing = jax.tree.map(lambda leaf: jnp.zeros((total, *leaf.shape[1:]), leaf.dtype), shapes)
        return jax.lax.fori_loop(0, (count + block - 1) // block, turn, nothing)

    if total <= block:
        return formula(given, points)
    return jax.lax.cond(2 * count > total, lambda: formula(given, points), all_blocks) if at_once else all_blocks()


def at_points(formula: Formula, given: Any, points: Theta, sizes: tuple[int, int], at_once: bool) -> Any:
    """A formula at any number of points (leading axis of every leaf), as arrays of numpy.

    It is ``formula(given, points)``, one function for each program. ``sizes`` are those of `sizes_for`; a call that is
    more than half full goes through the formula as a whole with ``at_once``.
    """
    most, block = sizes
    count = jax.tree.leaves(points)[0].shape[0]

    def part(low: int) -> Any:
        size = min(most, count - low)

        def filled(leaf: np.ndarray) -> np.ndarray:
            if size == most:
                return leaf[low : low + size]
            rest = np.broadcast_to(leaf[low], (most - size, *leaf.shape[1:]))
            return np.concatenate([leaf[low : low + size], rest])

        found = _in_blocks(formula, given, jax.tree.map(filled, points), np.int64(size), block, at_once)
        return jax.tree.map(lambda leaf: np.asarray(leaf)[:size], found)

    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *[part(low) for low in range(0, count, most)])


def sizes_for(numbers: int, least: int = 1) -> tuple[int, int]:
    """Points of one call, which is the length of the arrays that are handed over, and of a block, where a point takes
    so many ``numbers`` in the largest temporary."""
    most = max(least, min(_MOST, CHUNK // numbers))
    block = max(8, min(256, _BLOCK // numbers))
    return most, min(most, 1 << block.bit_length() - 1)


def beyond_the_cache(problem: Problem) -> bool:
    """Whether a pass over the data waits for memory, so that it should serve many points."""
    return problem.rows * _dimension(problem) > _CACHE


def _dimension(problem: Problem) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(problem.theta0))


def _sizes(problem: Problem, decrement: bool) -> tuple[int, int]:
    dimension = _dimension(problem)
    return sizes_for(max(problem.rows, dimension, 1) * (dimension if decrement else 1), _TOGETHER)  # it takes a Hessian


def measure(
    problem: Problem, points: Theta, decrement: bool = False, poll: Callable[[], None] = lambda: None
) -> dict[str, np.ndarray]:
    """The quantities at P points (leading axis of every leaf), as float64 arrays [P].

    Non-finite points give non-finite values. dist2 is NaN where there is no minimiser, the gap where no optimum is
    known. Where a problem has a certified stationary point θ̄ in place of a minimiser, stationary_gap = R(θ) − R(θ̄) and
    stationary_dist2 = ‖θ − θ̄‖² are there too; decrement2, which costs a linear system, if ``decrement`` asks for it.
    """
    count = jax.tree.leaves(points)[0].shape[0]
    size, _ = _sizes(problem, decrement)

    def chunk(low: int) -> Theta:
        poll()  # between two calls a run may be ended
        return jax.tree.map(lambda leaf: np.asarray(leaf[low : low + size], np.float64), points)

    parts = [_measure_chunk(problem, chunk(low), decrement) for low in range(0, count, size)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _measure_chunk(problem: Problem, points: Theta, decrement: bool) -> dict[str, np.ndarray]:
    def at(formula: Formula, some: Theta = points) -> Any:
        return at_points(formula, problem, some, _sizes(problem, decrement), beyond_the_cache(problem))

    risk, grad_norm2, dist2 = at(_plain)
    found = {"gap": _gap(problem, points, risk, at), "grad_norm2": grad_norm2, "dist2": dist2}
    if problem.stationary is not None:
        found["stationary_gap"] = _difference(problem, points, risk, problem.stationary, at)
        found["stationary_dist2"] = at(_stationary_distances)
    if decrement:
        found["decrement2"] = at(_decrements)
    return found


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


def _gap(problem: Problem, points: Theta, risk: np.ndarray, at: Callable[..., Any]) -> np.ndarray:
    optimum = problem.optimum
    if optimum is None:
        return np.full_like(risk, np.nan)
    if problem.rows == 0 and problem.gap is not None:
        return np.asarray(at(_gaps))
    if optimum.hi is None:  # a one-sided R*: what is measured lies above the gap, by at most the error told
        return np.asarray(risk - float(optimum.risk_low))
    return _difference(problem, points, risk, optimum, at)


def _difference(
    problem: Problem, points: Theta, risk: np.ndarray, centre: Optimum | Stationary, at: Callable[..., Any]
) -> np.ndarray:
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
    found, some = found.copy(), jax.tree.map(lambda leaf: leaf[coarse], points)
    if problem.gap is not None:
        found[coarse] = at(_gaps, some)
        return np.asarray(found)
    refined, fewer = at(_REFINED, some), at(_FEWER_NODES, some)
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


def relative_errors(problem: Problem) -> dict[str, float]:
    """Relative errors beyond the rounding of sums: a gap may be a plain difference where that is accurate enough."""
    plain = problem.rows > 0 or problem.gap is None
    names = ["gap"] if plain and problem.optimum is not None else []
    return dict.fromkeys([*names, *(["stationary_gap"] if problem.stationary is not None else [])], _ACCURATE)
