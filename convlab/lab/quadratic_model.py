"""How good the quadratic model was that every step was taken on: the decrease it predicted, and what it missed.

For the step θ' = θ + s the model of R at θ is m(s) = R(θ) + ⟨∇R(θ), s⟩ + ½ sᵀ∇²R(θ) s. It predicts the decrease
−⟨∇R(θ), s⟩ − ½ sᵀ∇²R(θ) s, and misses R(θ') − m(s), Taylor's remainder of order 2, which has two ways, as the gap has:
the plain difference where that is accurate to 1e-10 relative, elsewhere the integral of the third derivative along s,
in which nothing cancels. No Hessian is formed.
"""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np

from convlab.calculus.derivatives import value_and_gradient
from convlab.calculus.directional import nested_derivatives
from convlab.calculus.remainder import taylor_remainder
from convlab.core.problem import Problem, Theta, risk_of, squared_norm
from convlab.lab.measure import Formula, U, at_points, beyond_the_cache, risk_rounding, sizes_for

RELATIVE = 1e-10  # relative error of what the model missed
_RULES = ((8, 12), (20, 28), (48, 64))  # Gauss–Legendre nodes: the second rule of a pair, where the first agrees
_SHORTEST = 1e-190  # ‖s‖² from which on ‖s‖³ is a normal float64


def measure_steps(problem: Problem, points: Theta, t: np.ndarray) -> dict[str, np.ndarray]:
    """step2 = ‖s‖², model_decrease and model_error [K, P] of the steps to the K checkpoints ``t`` of P runs.

    Leaves of ``points`` are [K, P, …]. NaN where there is no checkpoint one step before, and where a point is not
    finite; model_error also where neither way is accurate to 1e-10 relative, as on a step across a jump of the third
    derivative, or underflows. Must be called within `environment.numerics`.
    """
    points = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), points)
    runs = jax.tree.leaves(points)[0].shape[1]
    after = np.flatnonzero(np.diff(t) == 1) + 1
    theta, end = (
        jax.tree.map(lambda leaf, k=k: leaf[k].reshape(-1, *leaf.shape[2:]), points) for k in (after - 1, after)
    )
    found = {name: np.full((len(t), runs), np.nan) for name in ("step2", "model_decrease", "model_error")}
    if after.size:
        for name, values in _measure(problem, theta, end).items():
            found[name][after] = values.reshape(-1, runs)
    return found


def _measure(problem: Problem, theta: Theta, end: Theta) -> dict[str, np.ndarray]:
    """The three quantities [N] of N steps."""
    with np.errstate(over="ignore", invalid="ignore"):  # a run that diverges
        step = jax.tree.map(lambda b, a: b - a, end, theta)
        risk, after, slope, curvature, grad_norm, step2 = _at(_models, problem, theta, step, end)
        decrease = -slope - 0.5 * curvature
        error = (after - risk) + decrease
        blur = _rounding(problem, theta, end, risk, after)
        blur = blur + 16 * U * (grad_norm * np.sqrt(step2) + np.abs(curvature))
        if "L" in problem.known:  # of x·s, where s is nearly orthogonal to a row
            blur = blur + 16 * U * problem.known["L"].value * step2
        coarse = np.isfinite(step2) & ~(np.abs(error) * RELATIVE >= blur)
    error = _refined(problem, theta, step, error, coarse)
    error[(step2 > 0) & (step2 < _SHORTEST)] = np.nan
    return {"step2": step2, "model_decrease": decrease, "model_error": error}


def _refined(problem: Problem, theta: Theta, step: Theta, error: np.ndarray, coarse: np.ndarray) -> np.ndarray:
    """The errors, of the coarse ones the integral, NaN where two quadrature rules do not agree on it."""
    error, left = error.copy(), coarse.copy()
    for few, many in _RULES:
        (chosen,) = np.nonzero(left)
        if not chosen.size:
            break
        chosen_theta, chosen_step = (jax.tree.map(lambda leaf, at=chosen: leaf[at], tree) for tree in (theta, step))
        rough, fine = (
            _at(_integral(nodes), problem, chosen_theta, chosen_step, nodes=nodes)[0] for nodes in (few, many)
        )
        error[chosen] = fine
        with np.errstate(invalid="ignore"):
            left[chosen] = ~(np.abs(rough - fine) <= RELATIVE * np.abs(fine))
    error[left] = np.nan
    return error


def _models(problem: Problem, steps: tuple[Theta, Theta, Theta]) -> list[jax.Array]:
    risk = functools.partial(risk_of, problem)

    def one(theta: Theta, step: Theta, end: Theta) -> list[jax.Array]:
        value, slope, curvature = nested_derivatives(risk, theta, step, 2)
        _, gradient = value_and_gradient(risk, theta, "measure_steps")
        return [value, risk(end), slope, curvature, jnp.sqrt(squared_norm(gradient)), squared_norm(step)]

    found: list[jax.Array] = jax.vmap(one)(*steps)
    return found


@functools.cache
def _integral(nodes: int) -> Formula:
    """Of many steps, made once for each number of nodes: a program belongs to its formula."""

    def integral(problem: Problem, steps: tuple[Theta, Theta]) -> list[jax.Array]:
        remainder = functools.partial(taylor_remainder, functools.partial(risk_of, problem), nodes=nodes, order=2)
        return [jax.vmap(remainder)(*steps)]

    return integral


def _at(formula: Formula, problem: Problem, *trees: Theta, nodes: int = 1) -> list[np.ndarray]:
    """The formula's arrays over the leading axis of the trees; ``nodes`` evaluations of R are held at once."""
    numbers = max(problem.rows, sum(int(leaf.size) for leaf in jax.tree.leaves(problem.theta0)), 1)
    found: list[np.ndarray] = at_points(formula, problem, trees, sizes_for(numbers * nodes), beyond_the_cache(problem))
    return found


def _rounding(problem: Problem, theta: Theta, end: Theta, risk: np.ndarray, after: np.ndarray) -> np.ndarray:
    """A bound on the rounding error of R(θ') − R(θ); ∞ where the problem has no minimiser to tell it from."""
    optimum = problem.optimum
    if optimum is None or optimum.hi is None:
        return np.full_like(risk, math.inf)
    least = 0.5 * (float(optimum.risk_low) + float(optimum.risk_high))
    return np.asarray(risk_rounding(problem, theta, risk, least) + risk_rounding(problem, end, after, least))
