"""Problem: what is minimised, as functions that close over nothing and data that is passed to them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from convlab.calculus.remainder import taylor_remainder
from convlab.core.setting import Known

Theta = Any  # the parameters: any pytree of arrays
Batch = Any  # the data, or some rows of it: a pytree whose leaves share their leading axis; () where there is none
Risk = Callable[[Theta, Batch, Any], jax.Array]


class Optimum(NamedTuple):
    """A certified minimiser and minimum: what the gap is measured against. All leaves are numbers or arrays.

    θ* = ``hi`` + ``lo``, two float64 each, within ``radius`` of a true minimiser (the nearest one to θ0, if there are
    several); both are None where the infimum is not attained. R(θ*) lies in [``risk_low``, ``risk_high``].
    ``rounding`` bounds the rounding error of a float64 gradient ∇R near θ*, plus L·u·‖θ*‖ for the rounding of θ itself:
    what keeps an optimizer in floating point from coming closer.
    """

    hi: Theta
    lo: Theta
    risk_low: Any
    risk_high: Any
    radius: Any = 0.0
    rounding: Any = 0.0


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["data", "constants", "theta0", "optimum"],
    meta_fields=["risk", "gap", "project"],
    drop_fields=["name", "known", "traits", "denied", "certificate", "digest"],
)
@dataclass(frozen=True, eq=False)
class Problem:
    """Minimise R(θ) = risk(θ, data, constants), a mean over the rows of the data, or any function of θ.

    ``risk`` is a module-level function (static under jit); ``data`` (leading axis n, or () where there is none) and
    ``constants`` (ridge, kink, spectrum) are pytrees that are traced: two ridges compile once. ``gap(θ, problem)`` is
    R(θ) − R(θ*) without cancellation; without it, the Taylor remainder at θ* serves (see `risk_gap`), which needs a
    twice continuously differentiable R. ``known`` holds the constants that theorems need, by the field's names: L,
    L_max, mu, mu_PL, M, G, sigma_star, D (‖θ0 − θ*‖), initial_gap, diameter (of the set), capacity and source.
    ``traits`` are words for theorems' assumptions; ``denied`` says why one is absent. ``certificate`` says how θ* and
    R* are known; ``digest`` is the SHA-256 of the data.

    ``project(θ, constants)`` is the Euclidean projection onto the set that R is minimised over, None where that is all
    of space; with one, every constant and the optimum speak of the set, and only optimizers that take a ``project`` may
    run.

    A problem is a pytree of its arrays, so it can be handed to a jitted function; facts for the reader are dropped
    there.
    """

    risk: Risk
    theta0: Theta
    optimum: Optimum | None = None
    data: Batch = ()
    constants: Any = ()
    gap: Callable[[Theta, Problem], jax.Array] | None = None
    project: Callable[[Theta, Any], Theta] | None = None
    name: str = ""
    known: Mapping[str, Known] = field(default_factory=dict)
    traits: frozenset[str] = frozenset()
    denied: Mapping[str, str] = field(default_factory=dict)
    certificate: str = ""
    digest: str = ""

    @property
    def rows(self) -> int:
        """n, the number of rows; 0 where the risk is no mean over data."""
        leaves = jax.tree.leaves(self.data)
        return int(leaves[0].shape[0]) if leaves else 0


def risk_of(problem: Problem, theta: Theta) -> jax.Array:
    """R(θ) over all rows."""
    return problem.risk(theta, problem.data, problem.constants)


def displacement(theta: Theta, optimum: Optimum) -> Theta:
    """e = θ − θ* as (θ − hi) − lo, in float64: exact where θ is close, since the first difference then is."""
    return jax.tree.map(
        lambda x, hi, lo: (x.astype(jnp.float64) - hi) - lo,
        theta,
        optimum.hi,
        optimum.lo,
    )


def squared_norm(tree: Theta) -> jax.Array:
    """‖·‖² over all leaves."""
    parts: list[jax.Array] = [jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(tree)]
    return sum(parts[1:], start=parts[0])


def risk_gap(theta: Theta, problem: Problem) -> jax.Array:
    """R(θ) − R(θ*) without cancellation.

    The problem's own closed form where it has one; else ∫₀¹ (1−s) eᵀ∇²R(θ*+s e) e ds with e = θ − θ*, whose terms are
    nonnegative for convex R. Without a minimiser it is the difference to ``risk_low``, which the gap does not exceed.
    """
    if problem.gap is not None:
        return problem.gap(theta, problem)
    optimum = problem.optimum
    if optimum is None:
        raise TypeError(f"problem '{problem.name}' has no certified optimum to measure a gap against")
    if optimum.hi is None:
        return risk_of(problem, theta) - jnp.asarray(optimum.risk_low)
    return taylor_remainder(functools.partial(risk_of, problem), optimum.hi, displacement(theta, optimum))
