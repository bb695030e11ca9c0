"""The noise of the gradients that an oracle shows, exactly: E‖∇f_t − ∇R‖² over all samples, at kept points and at θ*.

So a declared σ, σ* or G is held against what it speaks of, and not against the few samples that a run came upon.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from convlab.core.oracle import Oracle
from convlab.core.problem import Problem, Theta
from convlab.lab.measure import Formula, U, at_points, sizes_for

_NAMES = ("noise2", "longest2")
_SAFE = 10.0  # times the rounding of a mean over rows


def measure_noise(problem: Problem, oracle: Oracle, points: Theta) -> dict[str, np.ndarray]:
    """noise2 = E‖∇f_t(θ) − ∇R(θ)‖² and longest2 = sup ‖∇f_t(θ)‖² at P points (leading axis of every leaf).

    NaN where the oracle does not say.
    """
    points = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), points)
    count = jax.tree.leaves(points)[0].shape[0]
    if oracle.noise is None:
        return {name: np.full(count, np.nan) for name in _NAMES}
    numbers = max(problem.rows, 1) * sum(int(np.size(leaf)) for leaf in jax.tree.leaves(problem.theta0))
    given = (problem, oracle.constants)
    arrays = at_points(_formula(oracle.noise), given, points, sizes_for(max(numbers, 1)), at_once=False)
    return dict(zip(_NAMES, arrays, strict=True))


def observed(problem: Problem, oracle: Oracle) -> dict[str, float]:
    """A lower end of σ* = √(E‖∇f_t(θ*)‖²), from the noise at the certified minimiser; nothing where none is known.

    The minimiser is within ``radius``, where ∇f_i differs by L_max times that at most, and a gradient is rounded by ε,
    the certificate's ``rounding``.
    """
    optimum, known = problem.optimum, problem.known
    if oracle.noise is None or optimum is None or optimum.hi is None or problem.project is not None:
        return {}
    if problem.simple is not None or not {"L_max", "L"} & known.keys():
        return {}
    smooth = max(known[name].value for name in ("L_max", "L") if name in known)
    found = measure_noise(problem, oracle, jax.tree.map(lambda leaf: np.asarray(leaf)[None], optimum.hi))
    noise2 = float(found["noise2"][0])
    dimension = sum(int(np.size(leaf)) for leaf in jax.tree.leaves(problem.theta0))
    size = math.sqrt(max(noise2, 0.0))
    blur = _SAFE * ((problem.rows + dimension + 4) * U * size + float(optimum.rounding)) + smooth * float(
        optimum.radius
    )
    return {"sigma_star": max(size - blur, 0.0)} if math.isfinite(size - blur) else {}


@functools.cache
def _formula(noise: Callable[[Problem, Any, Theta], tuple[jax.Array, jax.Array]]) -> Formula:
    """Of many points, made once for each noise: a program belongs to its formula."""

    def formula(given: tuple[Problem, Any], points: Theta) -> list[jax.Array]:
        def one(theta: Theta) -> list[jax.Array]:
            return [jnp.asarray(value, jnp.float64) for value in noise(*given, theta)]

        found: list[jax.Array] = jax.vmap(one)(points)
        return found

    return formula
