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
from convlab.lab.measure import CHUNK, U

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
    most, noise, parts = max(1, CHUNK // max(numbers, 1)), _program(oracle.noise), []
    for low in range(0, count, most):
        size = min(most, count - low)
        padded = min(most, 1 << math.ceil(math.log2(size)))  # so that few shapes are compiled
        index = np.minimum(np.arange(low, low + padded), low + size - 1)
        piece = jax.tree.map(lambda leaf, index=index: leaf[index], points)
        parts.append([np.asarray(array)[:size] for array in noise(problem, oracle.constants, piece)])
    return {name: np.concatenate(arrays) for name, arrays in zip(_NAMES, zip(*parts, strict=True), strict=True)}


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
def _program(noise: Callable[[Problem, Any, Theta], tuple[jax.Array, jax.Array]]) -> Callable[..., Any]:
    @jax.jit
    def program(problem: Problem, constants: Any, points: Theta) -> Any:
        def one(theta: Theta) -> list[jax.Array]:
            return [jnp.asarray(value, jnp.float64) for value in noise(problem, constants, theta)]

        return jax.vmap(one)(points)

    return program
