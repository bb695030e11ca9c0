"""The cases of the contract on problems, with points to try them at: flat vectors, whatever pytree θ is."""

from __future__ import annotations

import functools
import importlib
import math
import zlib
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import convlab.problems
from convlab.core.problem import Problem, completed, risk_gap, risk_of, shown_risk

NAMES = sorted(path.stem for path in Path(convlab.problems.__path__[0]).glob("[!_]*.py"))
PAIRS = 50
SMOOTH = frozenset({"smooth", "smooth on the level set"})
DIFFERENTIABLE = SMOOTH | {"twice differentiable"}
COMPOSITE = "smooth plus simple"


@functools.cache
def module(name: str) -> Any:
    return importlib.import_module(f"convlab.problems.{name}")


CASES = {
    f"{name} {variant}".strip(): (name, arguments)
    for name in NAMES
    for variant, arguments in {"": module(name).EXAMPLE, **getattr(module(name), "VARIANTS", {})}.items()
}
every_case = pytest.mark.parametrize("case", CASES)


def build(case: str, **changed: Any) -> Problem:
    name, arguments = CASES[case]
    problem: Problem = getattr(module(name), name)(**{**arguments, **changed})
    return problem


@functools.cache
def example(case: str) -> Problem:
    return build(case)


def flattened(tree: Any) -> Any:
    return ravel_pytree(tree)[0]


def unflattened(flat: Any, problem: Problem) -> Any:
    return ravel_pytree(problem.theta0)[1](flat)


def _risk(flat: Any, problem: Problem) -> Any:
    return risk_of(problem, unflattened(flat, problem))


def _risk_gap(flat: Any, problem: Problem) -> Any:
    return risk_gap(unflattened(flat, problem), problem)


def _shown(flat: Any, problem: Problem) -> Any:
    return shown_risk(problem, unflattened(flat, problem))


def _shortest(flat: Any, problem: Problem) -> Any:
    value, slope = jax.value_and_grad(_shown)(flat, problem)
    whole, shortest = completed(problem, unflattened(flat, problem), value, unflattened(slope, problem))
    return whole, flattened(shortest)


def _prox(flat: Any, eta: Any, problem: Problem) -> Any:
    assert problem.simple is not None
    return flattened(problem.simple.prox(unflattened(flat, problem), eta, problem.constants))


def _projection(flat: Any, problem: Problem) -> Any:
    assert problem.project is not None
    return flattened(problem.project(unflattened(flat, problem), problem.constants))


value_at, values_at = jax.jit(_risk), jax.jit(jax.vmap(_risk, (0, None)))
gradient_at, gradients_at = jax.jit(jax.grad(_risk)), jax.jit(jax.vmap(jax.grad(_risk), (0, None)))
shown_gradients_at = jax.jit(jax.vmap(jax.grad(_shown), (0, None)))  # of the smooth part alone, where R has two
shortest_at = jax.jit(jax.vmap(_shortest, (0, None)))
prox_at = jax.jit(jax.vmap(_prox, (0, 0, None)))
hessians_at = jax.jit(jax.vmap(jax.hessian(_risk), (0, None)))
gap_at, gaps_at = jax.jit(_risk_gap), jax.jit(jax.vmap(_risk_gap, (0, None)))
projected = jax.jit(jax.vmap(_projection, (0, None)))


def start_of(problem: Problem) -> np.ndarray:
    return np.asarray(flattened(problem.theta0))


def minimiser_of(problem: Problem) -> np.ndarray | None:
    optimum = problem.optimum
    return None if optimum is None or optimum.hi is None else np.asarray(flattened(optimum.hi))


def size_of(problem: Problem) -> float:
    """The length scale: the known D; 1 where there is no minimiser."""
    return problem.known["D"].value if "D" in problem.known else 1.0


def slope_of(problem: Problem) -> float:
    """The scale of gradients: L·D, else G, else that of the start."""
    known = problem.known
    if "L" in known:
        return known["L"].value * size_of(problem)
    return known["G"].value if "G" in known else float(np.linalg.norm(gradient_at(start_of(problem), problem)))


def domain_of(case: str) -> tuple[float, float]:
    return getattr(module(CASES[case][0]), "DOMAIN", (-math.inf, math.inf))


def points_of(case: str, label: str = "", count: int = PAIRS, scale: float = 1.0) -> np.ndarray:
    """Points [count, d] of the ball ‖θ − θ*‖ <= scale·D (around θ0 where there is no θ*), projected.

    They lie in the domain and, where constants hold on the level set alone and scale <= 1, in the level set.
    """
    problem = example(case)
    generator = np.random.default_rng(zlib.crc32((case + label).encode()))
    theta0, centre = start_of(problem), minimiser_of(problem)
    steps = generator.standard_normal((20 * count, theta0.size))
    steps /= np.linalg.norm(steps, axis=1, keepdims=True)
    radii = generator.uniform(0.01, 1.0, (len(steps), 1)) * scale * size_of(problem)
    points = (theta0 if centre is None else centre) + radii * steps
    if problem.project is not None:
        points = np.asarray(projected(points, problem))
    low, high = domain_of(case)
    points = points[np.all((low < points) & (points < high), axis=1)]
    if scale <= 1.0 and SMOOTH & problem.traits == {"smooth on the level set"}:
        points = points[np.asarray(values_at(points, problem)) <= float(value_at(theta0, problem))]
    assert len(points) >= count, f"{case}: only {len(points)} of {len(steps)} random points are inside"
    return points[:count]
